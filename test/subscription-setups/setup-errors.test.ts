import { expect, test } from '@jest/globals'
import Stripe from 'stripe'
import { FatalSourceError, RetriableSourceError } from '../../src/plugins/plugin.ts'
import { toSetupError } from '../../src/plugins/stripe/kakao-pay/setup-errors.ts'
import { SetupRefusedError, SpentCallError } from '../../src/plugins/subscription-setup.ts'

const KEY = 'sk_test_a1B2c3D4e5F6'

function sorted(statusCode: number, raw: { type: string; code?: string }, headers: Record<string, string> = {}) {
  const message = `No to ${KEY}.`
  return toSetupError(
    Stripe.errors.StripeError.generate({ ...raw, message, statusCode, headers } as never),
    KEY,
    'rak_x',
  )
}

test.each<[string, number, { type: string; code?: string }, Record<string, string>, unknown]>([
  [
    'the same call is still being worked on',
    409,
    { type: 'idempotency_error', code: 'idempotency_key_in_use' },
    {},
    RetriableSourceError,
  ],
  ['the key was used for something else', 400, { type: 'idempotency_error' }, {}, SpentCallError],
  ['a server fault is new', 500, { type: 'api_error' }, {}, RetriableSourceError],
  [
    'a server fault is kept under the key',
    500,
    { type: 'api_error' },
    { 'idempotent-replayed': 'true' },
    SpentCallError,
  ],
  [
    'a refusal is kept under the key',
    402,
    { type: 'card_error', code: 'x' },
    { 'idempotent-replayed': 'true' },
    SetupRefusedError,
  ],
  ['a parameter is wrong', 400, { type: 'invalid_request_error' }, {}, SetupRefusedError],
  ['an object is missing', 404, { type: 'invalid_request_error', code: 'resource_missing' }, {}, SetupRefusedError],
  ['the key is refused', 401, { type: 'invalid_request_error' }, {}, FatalSourceError],
  ['a permission is missing', 403, { type: 'invalid_request_error' }, {}, FatalSourceError],
  ['a limit is hit', 429, { type: 'invalid_request_error', code: 'rate_limit' }, {}, RetriableSourceError],
])('when %s, the host is told what to do, and never the key', (_name, status, raw, headers, remedy) => {
  const error = sorted(status, raw, headers)
  expect(error).toBeInstanceOf(remedy)
  expect(error.message).not.toContain(KEY)
})

test('a refusal has Stripe’s code, or its type when there is no code', () => {
  expect(sorted(402, { type: 'card_error', code: 'payment_method_customer_decline' })).toMatchObject({
    code: 'payment_method_customer_decline',
  })
  expect(sorted(400, { type: 'invalid_request_error' })).toMatchObject({ code: 'invalid_request_error' })
})
