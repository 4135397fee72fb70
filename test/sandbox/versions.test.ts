import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { StripeSandbox } from '../../src/sandbox/index.ts'
import { createStripeSandbox } from '../../src/sandbox/index.ts'
import { call } from './client.ts'

let sandbox: StripeSandbox
beforeAll(async () => {
  sandbox = await createStripeSandbox({ now: 1_780_000_000 })
})
afterAll(() => sandbox.close())

const first = async (path: string, version?: string) =>
  (await call(sandbox, `${path}?limit=1`, version === undefined ? {} : { version })).json.data[0]

test('a request without a version gets the account default, which is older than basil', async () => {
  const { headers } = await call(sandbox, '/v1/charges')
  expect(headers.get('stripe-version')).toBe('2024-06-20')
  expect(await first('/v1/charges')).toEqual(await first('/v1/charges', '2024-06-20'))
})

test('a known version is echoed, an unknown one is refused', async () => {
  const { headers } = await call(sandbox, '/v1/charges', { version: '2026-10-28.endive' })
  expect(headers.get('stripe-version')).toBe('2026-10-28.endive')
  const unknown = await call(sandbox, '/v1/charges', { version: '2031-01-01.quince' })
  expect(unknown.status).toBe(400)
  expect(unknown.json.error.message).toContain('2031-01-01.quince')
})

test('every answer, errors too, has its own request id', async () => {
  const answers = await Promise.all(
    ['/v1/charges', '/v1/charges?bad=1', '/v1/nothing', '/v1/account'].map((path) => call(sandbox, path)),
  )
  const requestIds = answers.map(({ headers }) => headers.get('request-id') ?? '')
  expect(requestIds.every((id) => id.startsWith('req_'))).toBe(true)
  expect(new Set(requestIds).size).toBe(4)
})

test('charges carry their refunds before 2022-11-15 and their invoice before basil', async () => {
  expect(await first('/v1/charges', '2020-08-27')).toMatchObject({ refunds: { object: 'list' } })
  for (const [version, refunds, invoice] of [
    ['2022-08-01', true, true],
    ['2022-11-15', false, true],
    ['2025-02-24.acacia', false, true],
    ['2025-03-31.basil', false, false],
  ] as const) {
    const charge = await first('/v1/charges', version)
    expect('refunds' in charge).toBe(refunds)
    expect('invoice' in charge).toBe(invoice)
  }
})

test('billing periods move from the subscription to its items with basil', async () => {
  const old = await first('/v1/subscriptions', '2025-02-24.acacia')
  const basil = await first('/v1/subscriptions', '2025-03-31.basil')
  expect(old.id).toBe(basil.id)
  for (const field of ['current_period_start', 'current_period_end', 'discount', 'quantity', 'billing_thresholds']) {
    expect(old).toHaveProperty(field)
    expect(basil).not.toHaveProperty(field)
  }
  expect(old).not.toHaveProperty('discounts')
  expect(old.items.data[0]).not.toHaveProperty('current_period_end')
  expect(basil.discounts).toEqual([])
  const ends = basil.items.data.map((item: { current_period_end: number }) => item.current_period_end)
  expect(Math.min(...ends)).toBe(old.current_period_end)
  expect(basil).not.toHaveProperty('billing_mode')
  expect(await first('/v1/subscriptions', '2025-06-30.basil')).toHaveProperty('billing_mode')
  expect(await first('/v1/subscriptions', '2018-02-05')).toMatchObject({
    billing: expect.any(String),
    start: old.start_date,
  })
})

test('refunds name their customer from 2026-07-29 on', async () => {
  expect(await first('/v1/refunds', '2026-06-24.dahlia')).not.toHaveProperty('customer')
  expect(await first('/v1/refunds', '2026-07-29.dahlia')).toHaveProperty('payment_method')
})

test('total_count is counted on older versions and refused since basil', async () => {
  const old = await call(sandbox, '/v1/charges?limit=1&expand[]=total_count', { version: '2024-06-20' })
  expect(old.json.total_count).toBe(1000)
  const basil = await call(sandbox, '/v1/charges?limit=1&expand[]=total_count', { version: '2025-03-31.basil' })
  expect(basil.status).toBe(400)
  expect(basil.json.error.code).toBe('property_forbidden')
})
