import { expect, test } from '@jest/globals'
import type { StripeObject } from '../../src/sandbox/index.ts'
import { createStripeSandbox } from '../../src/sandbox/index.ts'
import { call } from './client.ts'

const NOW = 1_780_000_000

test('the same seed gives the same bytes, another seed gives others', async () => {
  const options = { seed: 7, now: NOW, counts: { charges: 300 } }
  const [first, second, other] = await Promise.all([
    createStripeSandbox(options),
    createStripeSandbox(options),
    createStripeSandbox({ ...options, seed: 8 }),
  ])
  for (const name of ['charges', 'subscriptions', 'refunds', 'balance_transactions', 'customers', 'prices']) {
    const path = `/v1/${name}?limit=100`
    const texts = await Promise.all([first, second, other].map(async (sandbox) => (await call(sandbox, path)).text))
    expect(texts[0]).toBe(texts[1])
    expect(texts[0]).not.toBe(texts[2])
  }
  await Promise.all([first.close(), second.close(), other.close()])
})

test('a million objects cost no memory and any of them is found at once', async () => {
  const before = process.memoryUsage().heapUsed
  const sandbox = await createStripeSandbox({ now: NOW, counts: { charges: 1_000_000 } })
  const { world } = sandbox
  const charges = world.collections.charges
  for (const index of [0, 1, 499_999, 999_999]) expect(charges.row(charges.idOf(index))?.index).toBe(index)
  const deep = await call(sandbox, `/v1/charges?limit=100&starting_after=${charges.idOf(500_000)}`)
  expect(deep.json.data[0].id).toBe(charges.idOf(499_999))
  const window = await call(sandbox, `/v1/charges?limit=1&created[lte]=${charges.row(charges.idOf(250_000))?.created}`)
  expect(window.json.has_more).toBe(true)
  expect(process.memoryUsage().heapUsed - before).toBeLessThan(60_000_000)
  await sandbox.close()
})

test('objects refer to each other and agree about amounts', async () => {
  const sandbox = await createStripeSandbox({ now: NOW, counts: { charges: 2000 } })
  const { world } = sandbox
  const charges = new Map([...world.all('charges')].map((charge) => [charge.id, charge]))
  const transactions = new Map([...world.all('balance_transactions')].map((entry) => [entry.id, entry]))
  const refunded = new Map<string, number>()
  for (const refund of world.all('refunds')) {
    const charge = charges.get(String(refund.charge)) as StripeObject
    expect(charge.status).toBe('succeeded')
    expect(Number(charge.created)).toBeLessThanOrEqual(Number(refund.created))
    refunded.set(charge.id, (refunded.get(charge.id) ?? 0) + Number(refund.amount))
    const booked = transactions.get(String(refund.balance_transaction))
    expect(booked).toMatchObject({ type: 'refund', source: refund.id, amount: -Number(refund.amount) })
  }
  for (const charge of charges.values()) {
    expect(charge.amount_refunded).toBe(refunded.get(charge.id) ?? 0)
    expect(charge.amount_refunded).toBeLessThanOrEqual(Number(charge.amount))
    if (charge.customer !== null) {
      expect(world.find('customers', String(charge.customer))).toBeDefined()
    }
    if (charge.status !== 'succeeded') expect(charge.balance_transaction).toBeNull()
    else
      expect(transactions.get(String(charge.balance_transaction))).toMatchObject({
        source: charge.id,
        amount: charge.amount,
      })
  }
  for (const subscription of world.all('subscriptions')) {
    const customer = world.find('customers', String(subscription.customer)) as StripeObject
    if (customer.deleted === true) expect(subscription.status).toBe('canceled')
    for (const { price } of (subscription.items as unknown as { data: { price: StripeObject }[] }).data) {
      expect(world.find('prices', price.id)).toEqual(price)
      expect(price.recurring).not.toBeNull()
    }
  }
  await sandbox.close()
})

test('the data holds what trips up careless clients', async () => {
  const sandbox = await createStripeSandbox({ now: NOW, counts: { charges: 5000 } })
  const charges = [...sandbox.world.all('charges')]
  const metadata = charges.flatMap((charge) => Object.values(charge.metadata as Record<string, string>))
  expect(metadata.some((value) => value.length === 500)).toBe(true)
  expect(metadata.some((value) => value.includes('🎉'))).toBe(true)
  expect(charges.some(({ amount }) => Number(amount) > 2 ** 31)).toBe(true)
  expect(charges.some(({ currency }) => currency === 'krw')).toBe(true)
  expect([...sandbox.world.all('balance_transactions')].some(({ amount }) => Number(amount) < 0)).toBe(true)
  const prices = [...sandbox.world.all('prices')]
  expect(prices.some(({ unit_amount }) => unit_amount === null)).toBe(true)
  const bytes = charges.reduce((sum, charge) => sum + JSON.stringify(charge).length, 0) / charges.length
  expect(bytes).toBeGreaterThan(1800)
  expect(bytes).toBeLessThan(2600)
  await sandbox.close()
})

test('charges can be made larger, and times spread as told', async () => {
  const from = 1_700_000_000
  const to = 1_710_000_000
  const large = await createStripeSandbox({
    now: NOW,
    createdFrom: from,
    createdTo: to,
    approxObjectBytes: 8000,
    distribution: 'uniform',
  })
  const charges = [...large.world.all('charges')]
  expect(JSON.stringify(charges[0]).length).toBeGreaterThan(7000)
  const older = charges.filter(({ created }) => Number(created) < (from + to) / 2).length
  expect(Math.abs(older - 500)).toBeLessThan(20)
  expect(charges.every(({ created }) => Number(created) >= from && Number(created) < to)).toBe(true)
  const growing = await createStripeSandbox({ now: NOW, createdFrom: from, createdTo: to, distribution: 'growing' })
  const early = [...growing.world.all('charges')].filter(({ created }) => Number(created) < (from + to) / 2).length
  expect(early).toBeLessThan(300)
  await Promise.all([large.close(), growing.close()])
})

test('counts that cannot be kept are refused', async () => {
  await expect(createStripeSandbox({ counts: { charges: -1 } })).rejects.toThrow('counts.charges')
  await expect(createStripeSandbox({ counts: { customers: 0 } })).rejects.toThrow('counts.subscriptions')
  const empty = await createStripeSandbox({ counts: { charges: 0, subscriptions: 0 } })
  expect((await call(empty, '/v1/charges')).json.data).toEqual([])
  await empty.close()
})
