import { afterEach, describe, expect, test } from '@jest/globals'
import type { StripeObject, StripeSandboxOptions } from '../../src/sandbox/index.ts'
import { isOpen, openAccount, pick, pricesOf, type Account, type Copy, type Resource } from './support.ts'

const SAMSUNG = { query: 'metadata["device_type"]:"samsung"' }
const HOUR = 3600

let account: Account
afterEach(() => account.stop())

const open = async (sandbox: StripeSandboxOptions = {}): Promise<void> => {
  account = await openAccount({ sandbox: { searchLagSeconds: 0, ...sandbox } })
}

const deviceOf = ({ metadata }: StripeObject) => (metadata as { device_type?: string }).device_type
const isSamsung = (object: StripeObject) => deviceOf(object) === 'samsung'
const tag = (id: string, device: string): void => {
  account.sandbox.apply({ type: 'update', id, params: { metadata: { device_type: device } } })
}
const create = (resource: Resource, device: string): string =>
  account.sandbox.apply({ type: 'create', resource, params: { metadata: { device_type: device } } })[0]!.id

/** Ids of everything in the sandbox that fits now. */
const truth = (resource: Resource = 'subscriptions', fits = isSamsung): string[] =>
  Array.from(account.sandbox.world.all(resource))
    .filter((object) => object.deleted !== true && fits(object))
    .map(({ id }) => id)
    .toSorted()

const idsIn = async (copy: Copy): Promise<string[]> => (await copy.records()).map(({ id }) => id).toSorted()
const idsOf = (items: readonly { readonly id: string }[]): string[] => items.map(({ id }) => id).toSorted()
const queries = (resource: Resource = 'subscriptions') =>
  account.sandbox.journal.entries({ path: `/v1/${resource}/search` }).map(({ params }) => params.query)

describe('a run with a query', () => {
  test('brings what the query asks for, each object once, and says where it comes from', async () => {
    await open()
    const copy = await account.follow('subscriptions', { params: SAMSUNG })
    const { status, delivered, notes, dropped, counts } = await copy.first()
    expect(status).toBe('success')
    expect(truth().length).toBeGreaterThan(3)
    expect(idsOf(delivered)).toEqual(truth())
    expect(await idsIn(copy)).toEqual(truth())
    expect(counts).toMatchObject({ inputRecordCount: truth().length, createdRecordCount: truth().length })
    expect(notes).toEqual([expect.stringMatching(/index is normally less than a minute .* up to an hour behind/)])
    expect(dropped).toBe(0)
  })

  test('brings more than a page, and a page whose answer is lost does no harm', async () => {
    await open()
    account.sandbox.apply({
      type: 'create',
      resource: 'customers',
      count: 230,
      params: { metadata: { device_type: 'samsung' } },
    })
    for (const kind of ['reset-mid-body', 'truncated', 'lost-answer'] as const) {
      account.sandbox.faults.add({ after: 1, match: { path: '/v1/customers/search' }, fault: { kind } })
    }
    const copy = await account.follow('customers', { params: SAMSUNG })
    const { status, delivered } = await copy.first()
    expect(status).toBe('success')
    expect(idsOf(delivered)).toEqual(truth('customers'))
  })

  test('brings what the index does not know yet, because Stripe announced it', async () => {
    await open({ searchLagSeconds: HOUR })
    const late = create('subscriptions', 'samsung')
    const [tagged, untagged] = [
      pick(account.sandbox, 'subscriptions', (each) => isOpen(each) && !isSamsung(each)),
      truth(),
    ]
    tag(tagged.id, 'samsung')
    const copy = await account.copy('subscriptions', { params: SAMSUNG })
    expect(untagged).not.toContain(tagged.id)
    expect(await idsIn(copy)).toEqual(expect.arrayContaining([late, tagged.id]))
    expect(await idsIn(copy)).toEqual(truth())
    account.pass(2 * HOUR)
    expect((await copy.run()).delivered).toEqual([])
  })

  test.each(['current', 'indexed'] as const)(
    'never takes an old state from an index that shows hits as %s',
    async (searchShows) => {
      await open({ searchLagSeconds: HOUR, searchShows })
      const [id] = truth()
      const cancelable = pick(account.sandbox, 'subscriptions', isOpen).id
      tag(cancelable, 'samsung')
      account.pass(2 * HOUR)
      account.sandbox.apply({ type: 'update', id: cancelable, params: { metadata: { note: 'first' } } })
      const copy = await account.copy('subscriptions', { params: SAMSUNG })
      expect(await copy.record(cancelable)).toMatchObject({ metadata: { device_type: 'samsung', note: 'first' } })
      expect(await idsIn(copy)).toContain(id)
      account.sandbox.apply({ type: 'update', id: cancelable, params: { metadata: { note: 'second' } } })
      expect((await copy.run()).delivered).toMatchObject([
        { id: cancelable, record: { data: { metadata: { note: 'second' } } } },
      ])
      // The index still shows the state before, and by now it was the first to be read.
      expect((await copy.run()).delivered).toEqual([])
      expect(await copy.record(cancelable)).toMatchObject({ metadata: { note: 'second' } })
    },
  )

  test('does not bring back a customer that was deleted and that the index still shows', async () => {
    await open({ searchLagSeconds: HOUR, searchShows: 'indexed' })
    const id = create('customers', 'samsung')
    account.pass(2 * HOUR)
    account.sandbox.apply({ type: 'delete', id })
    const copy = await account.copy('customers', { params: SAMSUNG })
    expect(await idsIn(copy)).toEqual(truth('customers'))
    expect(await idsIn(copy)).not.toContain(id)
    await copy.run()
    expect(await idsIn(copy)).not.toContain(id)
  })

  test('drops hits that are none and counts them', async () => {
    await open({ searchLagSeconds: HOUR })
    const id = create('subscriptions', 'samsung')
    account.pass(2 * HOUR)
    tag(id, 'lgtv')
    const copy = await account.follow('subscriptions', { params: SAMSUNG })
    const { dropped } = await copy.first()
    expect(dropped).toBe(1)
    expect(await idsIn(copy)).toEqual(truth())
  })

  test('is possible without a permission for events, and then searches everything each time', async () => {
    await open()
    account.sandbox.keys.add({ key: 'rk_test_no_events', permissions: { subscription: 'read' } })
    const copy = await account.copy('subscriptions', { params: SAMSUNG, accessToken: 'rk_test_no_events' })
    const tagged = pick(account.sandbox, 'subscriptions', (each) => isOpen(each) && !isSamsung(each)).id
    tag(tagged, 'samsung')
    const { relisted, delivered, notes } = await copy.run()
    expect(relisted?.reason).toMatch(/rak_event_read/)
    expect(notes).toHaveLength(2)
    expect(idsOf(delivered)).toEqual([tagged])
    expect(await idsIn(copy)).toEqual(truth())
  })

  test('fails with Stripe’s words where Search is not offered, and the dataset stays as it is', async () => {
    await open()
    const copy = await account.copy('subscriptions', { params: SAMSUNG })
    const before = await copy.records()
    account.sandbox.behaviour.indiaAccount = true
    const { status, errors, delivered } = await copy.run()
    expect(status).toBe('failed')
    expect(errors).toMatchObject([
      { code: 'CONNECTOR-1001-500', message: expect.stringContaining('India') },
      { code: '1100-400' },
    ])
    expect(delivered).toEqual([])
    expect(await copy.records()).toEqual(before)
  })
})

describe('later runs', () => {
  test('search what was created since an hour before the last good end, and deliver nothing twice', async () => {
    await open()
    const copy = await account.copy('subscriptions', { params: SAMSUNG })
    const endedAt = Math.floor(account.clock.now() / 1000)
    account.pass(10 * HOUR)
    const added = create('subscriptions', 'samsung')
    const { delivered } = await copy.run()
    expect(idsOf(delivered)).toEqual([added])
    const [, from] = /created>=(\d+)/.exec(String(queries().at(-1))) ?? []
    expect(Math.abs(Number(from) - (endedAt - HOUR))).toBeLessThan(120)
    expect((await copy.run()).delivered).toEqual([])
    expect(await idsIn(copy)).toEqual(truth())
  })

  test('miss nothing when the host’s clock is hours ahead of Stripe’s', async () => {
    account = await openAccount({ sandbox: { searchLagSeconds: 0 }, hostAhead: 3 * HOUR })
    const copy = await account.copy('subscriptions', { params: SAMSUNG })
    account.pass(60)
    const added = create('subscriptions', 'samsung')
    account.pass(60)
    expect(idsOf((await copy.run()).delivered)).toEqual([added])
    expect(await idsIn(copy)).toEqual(truth())
  })

  test('repeat a query of alternatives whole, and deliver nothing twice', async () => {
    await open()
    const query = 'metadata["device_type"]:"samsung" OR metadata["Samsung"]:"yes"'
    const fits = (each: StripeObject) => isSamsung(each) || (each.metadata as { Samsung?: string }).Samsung === 'yes'
    const copy = await account.copy('subscriptions', { params: { query } })
    expect(await idsIn(copy)).toEqual(truth('subscriptions', fits))
    account.pass(10 * HOUR)
    const [created] = account.sandbox.apply({
      type: 'create',
      resource: 'subscriptions',
      params: { metadata: { Samsung: 'yes' } },
    })
    expect(idsOf((await copy.run()).delivered)).toEqual([created!.id])
    expect(new Set(queries())).toEqual(new Set([query]))
    expect(await idsIn(copy)).toEqual(truth('subscriptions', fits))
  })

  test('keep an object that the query does not ask for any more, with its newest state', async () => {
    await open()
    const copy = await account.copy('subscriptions', { params: SAMSUNG })
    const { id } = pick(account.sandbox, 'subscriptions', (each) => isOpen(each) && isSamsung(each))
    tag(id, 'lgtv')
    const { delivered } = await copy.run()
    expect(delivered).toMatchObject([{ id, op: 'upsert', record: { data: { metadata: { device_type: 'lgtv' } } } }])
    account.sandbox.apply({ type: 'delete', id })
    expect((await copy.run()).delivered).toMatchObject([{ id, record: { data: { status: 'canceled' } } }])
  })

  test('leave out what has changed and was never asked for', async () => {
    await open()
    const copy = await account.copy('subscriptions', { params: SAMSUNG })
    const { id } = pick(account.sandbox, 'subscriptions', (each) => isOpen(each) && !isSamsung(each))
    tag(id, 'lgtv')
    create('subscriptions', 'lgtv')
    const { delivered, counts } = await copy.run()
    expect(delivered).toEqual([])
    expect(counts).toMatchObject({ outputRecordCount: 0 })
    expect(await copy.record(id)).toBeUndefined()
    tag(id, 'samsung')
    expect(idsOf((await copy.run()).delivered)).toEqual([id])
  })

  test('delete a customer that was found before, and tell nothing of others that are deleted', async () => {
    await open()
    const [id, other] = [create('customers', 'samsung'), create('customers', 'lgtv')]
    const copy = await account.copy('customers', { params: SAMSUNG })
    account.sandbox.apply({ type: 'delete', id })
    account.sandbox.apply({ type: 'delete', id: other })
    expect((await copy.run()).delivered).toMatchObject([{ id, op: 'delete' }])
    expect(await idsIn(copy)).toEqual(truth('customers'))
  })

  test('bring the new price of the subscriptions that were found, and no other holders of it', async () => {
    await open()
    const copy = await account.copy('subscriptions', { params: SAMSUNG })
    const holder = pick(account.sandbox, 'subscriptions', (each) => isOpen(each) && isSamsung(each))
    const [{ id: price }] = pricesOf(holder) as [StripeObject]
    account.sandbox.apply({ type: 'update', id: price, params: { nickname: 'renamed' } })
    const { delivered } = await copy.run()
    expect(idsOf(delivered)).toContain(holder.id)
    const holds = (each: StripeObject) => isSamsung(each) && pricesOf(each).some(({ id }) => id === price)
    expect(idsOf(delivered)).toEqual(truth('subscriptions', holds))
  })

  test('search everything again after more than 30 days, and look after what is not found any more', async () => {
    await open()
    const copy = await account.copy('customers', { params: { query: 'created>0' } })
    const [gone] = truth('customers', () => true)
    account.sandbox.apply({ type: 'delete', id: gone! })
    account.pass(40 * 24 * HOUR)
    const { relisted, delivered } = await copy.run()
    expect(relisted?.reason).toMatch(/no longer has all changes/)
    expect(delivered).toMatchObject([{ id: gone, op: 'delete' }])
    expect(await idsIn(copy)).toEqual(truth('customers', () => true))
  })
})
