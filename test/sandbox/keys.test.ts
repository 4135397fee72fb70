import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { StripeSandbox } from '../../src/sandbox/index.ts'
import { createStripeSandbox } from '../../src/sandbox/index.ts'
import { call } from './client.ts'

let sandbox: StripeSandbox
beforeAll(async () => {
  sandbox = await createStripeSandbox({ now: 1_780_000_000, counts: { charges: 100 } })
})
afterAll(() => sandbox.close())

test('a secret key works as a bearer token and by basic authentication', async () => {
  expect((await call(sandbox, '/v1/charges')).status).toBe(200)
  const basic = `Basic ${Buffer.from('sk_test_sandbox:').toString('base64')}`
  expect((await call(sandbox, '/v1/charges', { key: null, headers: { Authorization: basic } })).status).toBe(200)
})

test('test and live keys see different objects', async () => {
  const testPage = await call(sandbox, '/v1/charges?limit=100')
  const livePage = await call(sandbox, '/v1/charges?limit=100', { key: 'sk_live_sandbox' })
  const ids = new Set(testPage.json.data.map((charge: { id: string }) => charge.id))
  expect(livePage.json.data.some((charge: { id: string }) => ids.has(charge.id))).toBe(false)
  expect(testPage.json.data[0].livemode).toBe(false)
  expect(livePage.json.data[0].livemode).toBe(true)
})

test('an unknown key is refused and masked, a malformed one is echoed, none is explained', async () => {
  const unknown = await call(sandbox, '/v1/charges', { key: 'sk_test_abcdefgh1234' })
  expect(unknown.status).toBe(401)
  expect(unknown.json).toEqual({
    error: { message: 'Invalid API Key provided: sk_test_****1234', type: 'invalid_request_error' },
  })
  expect((await call(sandbox, '/v1/charges', { key: 'nonsense' })).json.error.message).toContain('nonsense')
  const none = await call(sandbox, '/v1/charges', { key: null })
  expect(none.status).toBe(401)
  expect(none.json.error.message).toContain('You did not provide an API key')
})

test('publishable and expired keys are refused with their codes', async () => {
  const publishable = await call(sandbox, '/v1/charges', { key: 'pk_test_sandbox' })
  expect([publishable.status, publishable.json.error.code]).toEqual([401, 'secret_key_required'])
  const expired = await call(sandbox, '/v1/charges', { key: 'sk_test_expired' })
  expect([expired.status, expired.json.error.code]).toEqual([401, 'api_key_expired'])
})

test('a restricted key reads what it may and is told the missing permission elsewhere', async () => {
  const key = 'rk_test_charges_only'
  expect((await call(sandbox, '/v1/charges', { key })).status).toBe(200)
  const refused = await call(sandbox, '/v1/customers', { key })
  expect(refused.status).toBe(403)
  expect(refused.json.error.type).toBe('invalid_request_error')
  expect(refused.json.error.message).toBe(
    `The provided key 'rk_test_****only' does not have the required permissions for this endpoint on account '${sandbox.accountId}'. Having the 'rak_customer_read' permission would allow this request to continue.`,
  )
  const write = await call(sandbox, '/v1/charges', { key, form: 'amount=100&currency=usd' })
  expect(write.json.error.message).toContain('rak_charge_write')
})

test('the account is closed to restricted keys', async () => {
  expect((await call(sandbox, '/v1/account')).json).toMatchObject({ id: sandbox.accountId, object: 'account' })
  expect((await call(sandbox, '/v1/account', { key: 'rk_test_sandbox' })).status).toBe(403)
})

test('refresh tokens rotate, old ones are refused, access tokens expire after an hour', async () => {
  const exchange = (token: string) =>
    call(sandbox, '/v1/oauth/token', { form: `grant_type=refresh_token&refresh_token=${token}` })
  const { json } = await exchange('rt_sandbox')
  expect(json).toMatchObject({ token_type: 'bearer', livemode: false, stripe_user_id: sandbox.accountId })
  expect(json.refresh_token).not.toBe('rt_sandbox')
  expect((await call(sandbox, '/v1/charges', { key: json.access_token })).status).toBe(200)
  const old = await exchange('rt_sandbox')
  expect(old.status).toBe(400)
  expect(old.json.error).toBe('invalid_grant')
  sandbox.clock.advance(3601)
  expect((await call(sandbox, '/v1/charges', { key: json.access_token })).json.error.code).toBe('api_key_expired')
  const next = await exchange(json.refresh_token)
  expect((await call(sandbox, '/v1/charges', { key: next.json.access_token })).status).toBe(200)
  const bad = await call(sandbox, '/v1/oauth/token', { form: 'grant_type=password' })
  expect([bad.status, bad.json.error]).toEqual([400, 'unsupported_grant_type'])
  const stranger = await call(sandbox, '/v1/oauth/token', { key: 'sk_test_x', form: 'grant_type=refresh_token' })
  expect([stranger.status, stranger.json.error]).toEqual([401, 'invalid_client'])
})
