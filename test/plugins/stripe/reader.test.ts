import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import type { Source } from '../../../src/plugins/plugin.ts'
import { createStripeSandbox } from '../../../src/sandbox/index.ts'
import type { StripeObject, StripeSandbox } from '../../../src/sandbox/index.ts'
import { find, idsOf, NOW, openStripe, readObject, readPage, readPass, truth } from './open-stripe.ts'

let sandbox: StripeSandbox
let source: Source

beforeEach(async () => {
  sandbox = await createStripeSandbox({ now: NOW, counts: { charges: 40 } })
  source = openStripe(sandbox)
})
afterEach(() => sandbox.close())

const charges = () => truth(sandbox, 'charges')
const cutAway = (ids: readonly string[]) => ids.forEach((id) => sandbox.apply({ type: 'remove', id }))

describe('paging', () => {
  test('pages of one second are cut anywhere and nothing is missed', async () => {
    sandbox.apply({ type: 'create', resource: 'charges', count: 25 })
    expect(idsOf(await readPass(source, 'charges', 'all', { limit: 10 }))).toEqual(charges())
  })

  test('the last page that is exactly full has no next one', async () => {
    const { records, nextCursor } = await readPage(source, 'charges', 'all', { limit: 40 })
    expect(records).toHaveLength(40)
    expect(nextCursor).toBeNull()
  })

  test('a window holds its first second and not its last', async () => {
    const created = Array.from(sandbox.world.all('charges'), (charge) => Number(charge.created))
    const [to, from] = [created[3]!, created[10]!]
    const records = await readPass(source, 'charges', 'all', { window: { from, to }, limit: 3 })
    const isWithin = (charge: StripeObject) => Number(charge.created) >= from && Number(charge.created) < to
    expect(idsOf(records)).toEqual(truth(sandbox, 'charges', isWithin))
    expect(records.length).toBeGreaterThan(0)
  })

  test('a page depends on its request only', async () => {
    const { nextCursor } = await readPage(source, 'charges', 'all', { limit: 10 })
    const [one, two] = [
      await readPage(source, 'charges', 'all', { limit: 10, cursor: nextCursor }),
      await readPage(openStripe(sandbox), 'charges', 'all', { limit: 10, cursor: nextCursor }),
    ]
    expect(one).toEqual(two)
  })
})

describe('a cursor that is gone', () => {
  test('is replaced by the object before it', async () => {
    const { nextCursor } = await readPage(source, 'charges', 'all', { limit: 10 })
    const rest = charges().slice(10)
    cutAway([charges()[9]!])
    const page = await readPage(source, 'charges', 'all', { cursor: nextCursor })
    expect(idsOf(page.records)).toEqual(rest)
  })

  test('is replaced by its creation time when a whole page is gone', async () => {
    const { nextCursor } = await readPage(source, 'charges', 'all', { limit: 10 })
    const rest = charges().slice(10)
    cutAway(charges().slice(0, 10))
    const page = await readPage(source, 'charges', 'all', { cursor: nextCursor })
    expect(idsOf(page.records)).toEqual(rest)
  })

  test('misses nothing when a price leaves the filter of its pass while it is the cursor', async () => {
    const active = idsOf(await readPass(source, 'prices', 'active'))
    const { nextCursor } = await readPage(source, 'prices', 'active', { limit: 5 })
    sandbox.apply({ type: 'update', id: active[4]!, params: { active: false } })
    const page = await readPage(source, 'prices', 'active', { cursor: nextCursor })
    expect(idsOf(page.records)).toEqual(active.slice(5))
    expect(idsOf(await readPass(source, 'prices', 'inactive'))).toContain(active[4])
  })

  test('is not mended when Stripe refuses something else', async () => {
    const { nextCursor } = await readPage(source, 'charges', 'all', { limit: 10 })
    sandbox.faults.add({ fault: { kind: 'status', status: 400, code: 'parameter_unknown' } })
    await expect(readPage(source, 'charges', 'all', { cursor: nextCursor })).rejects.toMatchObject({
      reason: 'request',
    })
    expect(sandbox.journal.total).toBe(2)
  })
})

describe('reading by id', () => {
  test('answers what the list shows, for every resource', async () => {
    for (const name of ['charges', 'refunds', 'balance_transactions', 'customers', 'subscriptions'] as const) {
      const [record] = (await readPage(source, name, 'all', { limit: 1 })).records
      expect(await readObject(source, name, String(record!.id))).toEqual({ state: 'present', record })
    }
    const [price] = (await readPage(source, 'prices', 'active', { limit: 1 })).records
    expect(await readObject(source, 'prices', String(price!.id))).toEqual({ state: 'present', record: price })
  })

  test('finds what no list shows', async () => {
    const isInline = ({ id }: { id: string }) =>
      sandbox.world.plan.isPriceInline(sandbox.world.plan.ids.prices.decode(id)!)
    const { id } = find(sandbox, 'prices', isInline)
    expect(await readObject(source, 'prices', id)).toMatchObject({ state: 'present', record: { id } })
  })

  test('an id is only an id, whatever characters it has', async () => {
    expect(await readObject(source, 'charges', '../customers?limit=1')).toEqual({ state: 'unknown' })
    expect(sandbox.journal.entries().map(({ path }) => path)).toEqual(['/v1/charges/..%2Fcustomers%3Flimit%3D1'])
  })
})
