import { afterEach, beforeEach, expect, test } from '@jest/globals'
import type { StripeObject, StripeSandbox } from '../../src/sandbox/index.ts'
import { createStripeSandbox } from '../../src/sandbox/index.ts'
import { ByteCache } from '../../src/sandbox/stripe/byte-cache.ts'
import { call } from './client.ts'

let sandbox: StripeSandbox
beforeEach(async () => {
  sandbox = await createStripeSandbox({ now: 1_780_000_000, counts: { charges: 400 }, approxObjectBytes: 3000 })
})
afterEach(() => sandbox.close())

test.each(['2020-08-27', '2022-11-15', '2024-06-20', '2025-03-31.basil', '2026-10-28.endive'])(
  'a page of charges holds the same as their retrieval, first and again, in version %s',
  async (version) => {
    const first = await call(sandbox, '/v1/charges?limit=100', { version })
    expect((await call(sandbox, '/v1/charges?limit=100', { version })).text).toBe(first.text)
    for (const charge of first.json.data.slice(0, 40)) {
      expect((await call(sandbox, `/v1/charges/${charge.id}`, { version })).json).toEqual(charge)
    }
    expect(Object.hasOwn(first.json.data[0], 'invoice')).toBe(version < '2025-03-31')
    // The words beyond ASCII arrive as what they are.
    expect(first.text).toMatch(/[花ОÅ김]/u)
    expect(first.text).not.toContain('\uFFFD')
  },
)

test('versions that differ do not share bytes', async () => {
  const list = async (version: string) => (await call(sandbox, '/v1/charges?limit=1', { version })).json.data[0]
  const [newest, old, again] = [
    await list('2026-10-28.endive'),
    await list('2024-06-20'),
    await list('2026-10-28.endive'),
  ]
  expect(old).toHaveProperty('invoice')
  expect(newest).not.toHaveProperty('invoice')
  expect(again).toEqual(newest)
})

test('a change shows in a page that was read before, and is gone after a reset', async () => {
  const page = async () => (await call(sandbox, '/v1/charges?limit=5')).json.data
  const before: StripeObject[] = await page()
  const { id } = before[2] as StripeObject
  sandbox.apply({ type: 'update', id, params: { description: 'Größe "XL"' } })
  expect(await page()).toEqual(before.with(2, { ...(before[2] as StripeObject), description: 'Größe "XL"' }))
  sandbox.reset()
  expect(await page()).toEqual(before)
})

test('kept bytes stay within their limit, and what was kept stays', () => {
  const limit = 2 * 1024 * 1024
  const cache = new ByteCache(limit)
  const text = (key: number) => String(key % 10).repeat(1000)
  let kept = 0
  for (let key = 0; key < 4000; key++) if (cache.keep(key, text(key))) kept++
  expect(kept).toBeGreaterThan(1500)
  expect(kept * 1000).toBeLessThanOrEqual(limit)
  expect(cache.get(7)?.toString('latin1')).toBe(text(7))
  expect(cache.get(3999)).toBeUndefined()
  expect(new ByteCache(limit).keep(1, 'x'.repeat(limit))).toBeUndefined()
})
