import { pino } from 'pino'
import type { LogLevel } from '../config.ts'
import type { Logger } from '../logger.ts'
import { redactSecrets } from '../secrets/redact.ts'

/**
 * JSON lines, one per event. Every line passes the redaction on its way out: whatever a message or an error drags along,
 * nothing that looks like a key or a token is written.
 */
export function createLogger(
  level: LogLevel,
  write: (line: string) => void = (line) => process.stdout.write(line),
): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
      serializers: { err: serializeError },
    },
    { write: (line) => write(redactSecrets(line)) },
  )
}

/** Type, message and stack only: an error of an HTTP client also carries its whole request. */
function serializeError(error: unknown): unknown {
  if (!(error instanceof Error)) return String(error)
  return {
    type: error.name,
    message: error.message,
    stack: error.stack,
    ...(error.cause === undefined ? {} : { cause: serializeError(error.cause) }),
  }
}
