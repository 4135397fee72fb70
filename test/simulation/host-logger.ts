import type { Logger } from '../../src/logger.ts'

export interface HostLoggerOptions {
  readonly name: string
  /** Told of every line, when somebody watches. */
  readonly trace: ((line: string) => void) | undefined
  /** Told of the lines of level error. */
  readonly onError: (line: string) => void
}

/** The logger of a simulated host. */
export function createHostLogger({ name, trace, onError }: HostLoggerOptions): Logger {
  const say = (level: string) => (fields: object, message: string) => {
    trace?.(`${level} ${name}: ${message} ${describe(fields)}`)
    if (level === 'error') onError(`${message}: ${describe(fields)}`)
  }
  const logger: Logger = {
    debug: say('debug'),
    info: say('info'),
    warn: say('warn'),
    error: say('error'),
    child: () => logger,
  }
  return logger
}

function describe(fields: object): string {
  return JSON.stringify(fields, (_, value: unknown) =>
    value instanceof Error ? `${value.name}: ${value.message} ${value.stack ?? ''}` : value,
  )
}
