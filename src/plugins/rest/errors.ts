import { isJsonObject, type JsonObject } from '../../json.ts'
import { redactSecrets } from '../../secrets/redact.ts'
import { FatalSourceError, RetriableSourceError } from '../plugin.ts'
import type { HttpAnswer } from './http.ts'

const LONGEST_TEXT = 300
const TEXT_MEMBERS = ['message', 'errorMessage', 'error_description', 'detail', 'title', 'error', 'errors']
const RETRIABLE_STATUSES = new Set([408, 409, 425, 429])

/** Sorts an answer that is no success by remedy. The message keeps the source's own text, without the secrets. */
export function refusalOf(answer: HttpAnswer, secrets: readonly string[]): FatalSourceError | RetriableSourceError {
  const { status, url } = answer
  // Before it is cut, or half a secret could be left.
  const said = oneLine(redactSecrets(textOf(answer), secrets))
  const message = `${url.host} answered ${status}${said === '' ? '.' : `: ${said}`}`
  if (status === 401) return new FatalSourceError('credential', message, { status })
  if (status === 403) return new FatalSourceError('permission', message, { status })
  if (status >= 500 || RETRIABLE_STATUSES.has(status)) {
    const retryAfterMs = parseRetryAfter(answer.headers['retry-after'])
    const options = retryAfterMs === undefined ? {} : { retryAfterMs }
    return new RetriableSourceError(status === 429 ? 'rate' : 'unavailable', message, options)
  }
  return new FatalSourceError('request', message, { status })
}

/** The same error without the secrets; anything but a source error is passed on as it is. */
export function withoutSecrets(error: unknown, secrets: readonly string[]): unknown {
  if (error instanceof FatalSourceError) {
    const { status, code } = error
    return new FatalSourceError(error.reason, redactSecrets(error.message, secrets), {
      ...(status === undefined ? {} : { status }),
      ...(code === undefined ? {} : { code }),
    })
  }
  if (error instanceof RetriableSourceError) {
    const { retryAfterMs } = error
    const options = retryAfterMs === undefined ? {} : { retryAfterMs }
    return new RetriableSourceError(error.reason, redactSecrets(error.message, secrets), options)
  }
  return error
}

/** What the source says about its refusal. */
function textOf({ body, headers }: HttpAnswer): string {
  const type = headers['content-type'] ?? ''
  if (type.includes('json')) return messageIn(parse(body))
  return type.startsWith('text/plain') ? body : ''
}

function messageIn(value: unknown): string {
  if (typeof value === 'string') return value
  if (Array.isArray(value)) return messageIn(value[0])
  if (!isJsonObject(value)) return ''
  const owner: JsonObject = value
  return TEXT_MEMBERS.map((name) => messageIn(owner[name])).find((found) => found !== '') ?? ''
}

function oneLine(text: string): string {
  const line = text.replaceAll(/[\s\p{Cc}]+/gu, ' ').trim()
  return line.length > LONGEST_TEXT ? `${line.slice(0, LONGEST_TEXT)}...` : line
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** Seconds or an HTTP date, in milliseconds from now; undefined when absent or unreadable. */
function parseRetryAfter(value: string | undefined): number | undefined {
  if (value === undefined || value.trim() === '') return undefined
  const seconds = Number(value)
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now()
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined
}
