import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { ANNOUNCED, isOpen, NO_DRIFT, openAccount, pick, setVersion, versionOf, type Account } from './support.ts'

let account: Account

beforeEach(async () => {
  account = await openAccount()
})
afterEach(() => account.stop())

const update = (id: string, version: string) => setVersion(account, id, version)

describe.each(ANNOUNCED)('a page of %s that was answered before an update and arrives after it', (resource) => {
  test('does not overwrite what another flow has read since', async () => {
    const first = await account.copy(resource)
    const { id } = pick(account.sandbox, resource, isOpen)
    update(id, 'old')
    const answered = account.holder.hold(`/v1/${resource}?`)
    const second = await account.follow(resource, { dataSetId: first.dataSetId })
    await answered
    update(id, 'new')
    await first.run()
    expect(await versionOf(first, id)).toBe('new')
    account.holder.release()
    expect((await second.first()).status).toBe('success')
    expect(await versionOf(first, id)).toBe('new')
    expect(await first.drift()).toEqual(NO_DRIFT)
  })

  test('does not overwrite an update that was taken back, when another flow has seen it so', async () => {
    const first = await account.copy(resource)
    const second = await account.follow(resource, { dataSetId: first.dataSetId })
    await second.first()
    const { id } = pick(account.sandbox, resource, isOpen)
    update(id, 'kept')
    await first.run()
    update(id, 'passing')
    const answered = account.holder.hold(`/v1/${resource}?`)
    const late = second.run()
    await answered
    update(id, 'kept')
    await first.run()
    account.holder.release()
    await late
    expect(await versionOf(first, id)).toBe('kept')
    expect(await first.drift()).toEqual(NO_DRIFT)
  })
})

describe('a late answer about one object', () => {
  test('does not overwrite what another flow has read since', async () => {
    const first = await account.copy('charges')
    const second = await account.follow('charges', { dataSetId: first.dataSetId })
    await second.first()
    const { id } = Array.from(account.sandbox.world.all('charges')).at(-1)!
    update(id, 'old')
    const answered = account.holder.hold(`/v1/charges/${id}`)
    const late = second.run()
    await answered
    update(id, 'new')
    await first.run()
    account.holder.release()
    await late
    expect(await versionOf(first, id)).toBe('new')
  })

  test('is the older one also when the host’s clock was set back between the two', async () => {
    const first = await account.copy('charges')
    const second = await account.follow('charges', { dataSetId: first.dataSetId })
    await second.first()
    const { id } = Array.from(account.sandbox.world.all('charges')).at(-1)!
    update(id, 'old')
    const answered = account.holder.hold(`/v1/charges/${id}`)
    const late = second.run()
    await answered
    account.clock.move(-7200)
    update(id, 'new')
    await first.run()
    expect(await versionOf(first, id)).toBe('new')
    account.holder.release()
    await late
    expect(await versionOf(first, id)).toBe('new')
  })
})

test('a page of the one price list does not overwrite what a page of the other has shown since', async () => {
  const { id } = pick(account.sandbox, 'prices', ({ active }) => active === true)
  const answered = account.holder.hold('/v1/prices?active=true')
  const copy = await account.follow('prices')
  await answered
  account.sandbox.apply({ type: 'update', id, params: { active: false, metadata: { version: 'new' } } })
  account.holder.release()
  await copy.first()
  await copy.run()
  expect(await copy.record(id)).toMatchObject({ active: false, metadata: { version: 'new' } })
  expect(await copy.drift()).toEqual(NO_DRIFT)
})
