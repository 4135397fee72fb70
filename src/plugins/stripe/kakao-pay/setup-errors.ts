import Stripe from 'stripe'
import type { FatalSourceError, RetriableSourceError } from '../../plugin.ts'
import { SetupRefusedError, SpentCallError } from '../../subscription-setup.ts'
import { toSourceError } from '../errors.ts'
import { redactKey } from '../redact-key.ts'

/** Sorts whatever a request of a set-up threw by what the host is to do; messages never hold the key. */
export function toSetupError(
  error: unknown,
  key: string,
  permission: string,
): FatalSourceError | RetriableSourceError | SetupRefusedError | SpentCallError {
  if (error instanceof SetupRefusedError || error instanceof SpentCallError) return error
  if (isSpent(error)) return new SpentCallError(redactKey(error.message, key))
  const sorted = toSourceError(error, key, permission)
  if (sorted.name !== 'FatalSourceError' || sorted.reason !== 'request') return sorted
  const { code, rawType, message } = error instanceof Stripe.errors.StripeError ? error : {}
  return new SetupRefusedError(code ?? rawType ?? 'invalid_request_error', redactKey(message ?? sorted.message, key))
}

/**
 * Under the key of a call Stripe keeps a failure of its own, which it would repeat for a day, or the same call in another
 * spelling, as an earlier version of the host may have sent it.
 */
function isSpent(error: unknown): error is Error {
  if (!(error instanceof Stripe.errors.StripeError)) return false
  const { statusCode = 0, rawType } = error
  // With 409 the type says that the same call is still being worked on.
  if (rawType === 'idempotency_error') return statusCode === 400
  return statusCode >= 500 && error.headers?.['idempotent-replayed'] === 'true'
}
