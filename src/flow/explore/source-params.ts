import { FlowServiceError } from '../../errors.ts'
import { isJsonObject } from '../../json.ts'
import type { JsonObject } from '../../json.ts'

const LONGEST_TEXT = 8192
const DEEPEST_NESTING = 16

/**
 * Decodes `sourceParams`: base64 of a JSON object, in the standard or the URL-safe alphabet, with or without padding,
 * percent-encoded or not. A `+` that became a space on its way through a query string is read as a `+`. Throws
 * `FlowServiceError` 1389-400 for anything else.
 */
export function parseSourceParams(text: string): JsonObject {
  if (text.length > LONGEST_TEXT) throw refused(`longer than ${LONGEST_TEXT} characters`)
  const decoded = decodeBase64(percentDecoded(text))
  if (decoded === null) throw refused('not base64')
  const value = parseJson(decoded)
  if (value === undefined) throw refused('no JSON once it is decoded')
  if (!isJsonObject(value)) throw refused('no JSON object once it is decoded')
  if (isDeeperThan(value, DEEPEST_NESTING)) throw refused(`nested deeper than ${DEEPEST_NESTING} levels`)
  return value as JsonObject
}

function refused(reason: string): FlowServiceError {
  return new FlowServiceError(
    '1389-400',
    `The parameter sourceParams is ${reason}; it must be the base64 form of a JSON object such as {"resourcePath":"..."}.`,
  )
}

/** Some clients encode a value that is encoded already. */
function percentDecoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The text, or null when it is no base64 of UTF-8. */
function decodeBase64(text: string): string | null {
  const standard = text
    .replace(/[\r\n]/g, '')
    .trim()
    .replaceAll(' ', '+')
    .replaceAll('-', '+')
    .replaceAll('_', '/')
    .replace(/={1,2}$/, '')
  if (!/^[A-Za-z0-9+/]+$/.test(standard) || standard.length % 4 === 1) return null
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(Buffer.from(standard, 'base64'))
  } catch {
    return null
  }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

function isDeeperThan(value: unknown, levels: number): boolean {
  if (typeof value !== 'object' || value === null) return false
  return levels === 0 || Object.values(value).some((member) => isDeeperThan(member, levels - 1))
}
