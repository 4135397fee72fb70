import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { refusal } from './refusal.ts'

/** Objects and arrays inside each other. */
const MAX_DEPTH = 100

/** Reads a notification's body, a JSON object in UTF-8. Throws `WebhookRefusal` for anything else. */
export function parseBody(rawBody: Buffer): JsonObject {
  const body = parseJson(rawBody)
  if (!isJsonObject(body)) throw refusal('INVALID_PARAMETER', 'The body is not a JSON object.')
  if (isDeeperThan(body, MAX_DEPTH)) {
    throw refusal('INVALID_PARAMETER', `The body is nested deeper than ${MAX_DEPTH} levels.`)
  }
  return body
}

function parseJson(rawBody: Buffer): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(rawBody), exactly)
  } catch {
    throw refusal('INVALID_PARAMETER', 'The body is not JSON in UTF-8.')
  }
}

/**
 * Two large ids may differ only in digits that a number does not hold: such integers stay as text. Older type definitions
 * lack the third argument.
 */
function exactly(_name: string, value: unknown, context?: { readonly source?: string }): unknown {
  const isRounded = Number.isInteger(value) && !Number.isSafeInteger(value)
  return isRounded ? (context?.source ?? value) : value
}

function isDeeperThan(value: JsonValue, limit: number): boolean {
  let level: readonly unknown[] = [value]
  for (let depth = 1; depth <= limit; depth++) {
    level = level.flatMap((each) => (typeof each === 'object' && each !== null ? Object.values(each) : []))
    if (!level.some((each) => typeof each === 'object' && each !== null)) return false
  }
  return true
}
