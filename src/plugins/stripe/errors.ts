import Stripe from 'stripe'
import { FatalSourceError, RetriableSourceError } from '../plugin.ts'
import { redactKey } from './redact-key.ts'

/**
 * Sorts whatever a Stripe request threw by remedy: `FatalSourceError` when repeating cannot mend it,
 * `RetriableSourceError` otherwise. Messages keep Stripe's text and the permission it names, never the key.
 *
 * @param permission - what the request needs, told when Stripe refuses it without a name
 */
export function toSourceError(
  error: unknown,
  key: string,
  permission?: string,
): FatalSourceError | RetriableSourceError {
  if (error instanceof FatalSourceError || error instanceof RetriableSourceError) return error
  const status = error instanceof Stripe.errors.StripeError ? error.statusCode : undefined
  const text = redactKey(error instanceof Error ? error.message : String(error), key)
  // No cause: the SDK's error carries the request and, for a malformed key, the key itself.
  if (status === undefined) return new RetriableSourceError('unavailable', `Stripe gave no usable answer: ${text}`)

  const message = `Stripe answered ${status}: ${text}`
  const headers = headersOf(error)
  if (status === 401) return new FatalSourceError('credential', message, { status })
  if (status === 403) return new FatalSourceError('permission', withPermission(message, permission), { status })
  if (isRetriable(status, headers['stripe-should-retry'])) {
    const retryAfterMs = parseRetryAfter(headers['retry-after'])
    return new RetriableSourceError(status === 429 ? 'rate' : 'unavailable', message, { retryAfterMs })
  }
  return new FatalSourceError('request', message, { status })
}

/** True when the same request may be answered later. */
export function isWorthRepeating(error: unknown): boolean {
  return toSourceError(error, '') instanceof RetriableSourceError
}

/** True when a list refused its cursor: the object is deleted or has left the filter. Answers 400 or 404. */
export function isCursorGone(error: unknown): boolean {
  return isMissing(error, 'starting_after')
}

/** True when the object that a parameter names does not exist (any more). */
export function isMissing(error: unknown, parameter: string): boolean {
  return error instanceof Stripe.errors.StripeError && error.code === 'resource_missing' && error.param === parameter
}

/** How long Stripe asks to wait before the request is repeated, in milliseconds; undefined when it does not say. */
export function retryAfterMsOf(error: unknown): number | undefined {
  return parseRetryAfter(headersOf(error)['retry-after'])
}

/** True when the key may not read something. */
export function isForbidden(error: unknown): boolean {
  return error instanceof Stripe.errors.StripeError && error.statusCode === 403
}

/** True when Stripe does not know something (any more). */
export function isUnknown(error: unknown): boolean {
  return error instanceof Stripe.errors.StripeError && error.code === 'resource_missing'
}

const PERMISSION_NAME = /\brak_\w+/

function withPermission(message: string, permission: string | undefined): string {
  return permission === undefined || PERMISSION_NAME.test(message) ? message : `${message} (needs ${permission})`
}

/** True when a limiter refused the request: 429, whatever its reason. */
export function isRateLimited(error: unknown): boolean {
  return error instanceof Stripe.errors.StripeError && error.statusCode === 429
}

const RETRIABLE_STATUSES = new Set([409, 424, 429])

function isRetriable(status: number, shouldRetry: string | undefined): boolean {
  if (shouldRetry === 'true') return true
  // 429 is about time, not about the request: waiting always helps.
  if (shouldRetry === 'false') return status === 429
  return status >= 500 || RETRIABLE_STATUSES.has(status)
}

/** Seconds or an HTTP date, in milliseconds from now; undefined when absent or unreadable. */
function parseRetryAfter(value: string | undefined): number | undefined {
  if (value === undefined || value.trim() === '') return undefined
  const seconds = Number(value)
  const ms = Number.isFinite(seconds) ? seconds * 1000 : Date.parse(value) - Date.now()
  return Number.isFinite(ms) && ms >= 0 ? ms : undefined
}

function headersOf(error: unknown): Readonly<Record<string, string>> {
  return (error instanceof Stripe.errors.StripeError && error.headers) || {}
}
