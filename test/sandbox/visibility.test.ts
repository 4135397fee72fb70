import { describe, expect, test } from '@jest/globals'
import type { ResourceName, StripeObject, StripeSandboxOptions } from '../../src/sandbox/index.ts'
import { createStripeSandbox } from '../../src/sandbox/index.ts'
import { call, control, walkIds } from './client.ts'

const NOW = 1_780_000_000

async function withSandbox(
  options: StripeSandboxOptions,
  use: (sandbox: Awaited<ReturnType<typeof createStripeSandbox>>) => Promise<void>,
): Promise<void> {
  const sandbox = await createStripeSandbox({ now: NOW, counts: { charges: 60 }, ...options })
  try {
    await use(sandbox)
  } finally {
    await sandbox.close()
  }
}

describe('late visibility', () => {
  test('a new object is retrievable at once and shows in lists within the lag, not always in order', async () => {
    await withSandbox({ objectLagSeconds: 60 }, async (sandbox) => {
      const before = await walkIds(sandbox, '/v1/charges')
      const made = sandbox.apply({ type: 'create', resource: 'charges', count: 30 }).map(({ id }) => id)
      for (const id of made) expect((await call(sandbox, `/v1/charges/${id}`)).status).toBe(200)
      const appeared: string[] = []
      for (let second = 0; second <= 60; second++) {
        const shown = await walkIds(sandbox, '/v1/charges')
        appeared.push(...shown.filter((id) => !before.includes(id) && !appeared.includes(id)))
        if (second === 0) expect(appeared.length).toBeLessThan(5)
        sandbox.clock.advance(1)
      }
      expect(appeared.toSorted()).toEqual(made.toSorted())
      expect(appeared).not.toEqual(made)
      // Once all are there, the order of the list is the order of creation as ever.
      expect(await walkIds(sandbox, '/v1/charges')).toEqual([...made.toReversed(), ...before])
      expect(sandbox.world.find('charges', String(made[0]))?.created).toBe(NOW)
    })
  })

  test('the lag follows from the seed', async () => {
    const shownAfter = async (seed: number, seconds: number) => {
      let places: number[] = []
      await withSandbox({ seed, objectLagSeconds: 20 }, async (sandbox) => {
        const made = sandbox.apply({ type: 'create', resource: 'customers', count: 40 }).map(({ id }) => id)
        sandbox.clock.advance(seconds)
        places = (await walkIds(sandbox, '/v1/customers')).map((id) => made.indexOf(id)).filter((place) => place >= 0)
      })
      return places
    }
    const [first, same, other] = [await shownAfter(1, 9), await shownAfter(1, 9), await shownAfter(2, 9)]
    expect(first).toEqual(same)
    expect(first).not.toEqual(other)
  })

  test('the lags can be changed while the sandbox runs, and only to what makes sense', async () => {
    await withSandbox({}, async (sandbox) => {
      const settings = await control(sandbox, 'POST', '/settings', { objectLagSeconds: 30, eventLagSeconds: 30 })
      expect(settings.json).toMatchObject({ objectLagSeconds: 30, eventLagSeconds: 30, latencyMs: 0 })
      sandbox.apply({ type: 'create', resource: 'refunds', count: 12 })
      expect(await walkIds(sandbox, '/v1/events')).not.toHaveLength(24)
      sandbox.clock.advance(31)
      expect(await walkIds(sandbox, '/v1/events')).toHaveLength(24)
      const refused = await control(sandbox, 'POST', '/settings', { objectLagSeconds: -1 })
      expect([refused.status, refused.json.error.param]).toEqual([400, 'objectLagSeconds'])
      expect(sandbox.behaviour.objectLagSeconds).toBe(30)
      sandbox.reset()
      expect(sandbox.behaviour.objectLagSeconds).toBe(0)
    })
  })
})

describe('a cursor that vanishes', () => {
  const LISTS: readonly (readonly [ResourceName, Record<string, string>])[] = [
    ['charges', {}],
    ['subscriptions', { status: 'all' }],
    ['refunds', {}],
    ['balance_transactions', {}],
    ['customers', {}],
    ['prices', {}],
    ['events', {}],
  ]

  test.each(LISTS)('can be deleted after request 7 of the list of %s', async (name, query) => {
    await withSandbox({ counts: { charges: 300, refunds: 60 } }, async (sandbox) => {
      sandbox.apply({ type: 'create', resource: 'customers', count: 30 })
      const path = `/v1/${name}`
      const all = await walkIds(sandbox, path, query)
      expect(all.length).toBeGreaterThan(20)
      sandbox.faults.add({
        after: 7,
        match: { path, params: { limit: '2' } },
        fault: { kind: 'action', actions: [{ type: 'remove', id: '$cursor' }] },
      })
      const refusal = await walkIds(sandbox, path, { ...query, limit: '2' }).catch((error: Error) => error.message)
      expect(JSON.parse(String(refusal)).error).toMatchObject({
        type: 'invalid_request_error',
        code: 'resource_missing',
        param: 'starting_after',
        message: expect.stringContaining(`'${all[13]}'`),
      })
      expect(sandbox.journal.count({ path, status: 400 })).toBe(1)
      expect(await walkIds(sandbox, path, query)).toEqual(all.toSpliced(13, 1))
    })
  })

  test('is answered with 404 when the sandbox is told so, by nested lists too', async () => {
    await withSandbox({ missingCursorStatus: 404 }, async (sandbox) => {
      const subscription = [...sandbox.world.all('subscriptions')][0] as StripeObject
      for (const path of ['/v1/charges?limit=1', `/v1/subscription_items?subscription=${subscription.id}`]) {
        for (const param of ['starting_after', 'ending_before']) {
          const { status, json } = await call(sandbox, `${path}&${param}=none`)
          expect([status, json.error.code, json.error.param]).toEqual([404, 'resource_missing', param])
        }
      }
      expect((await call(sandbox, '/v1/charges?customer=none')).status).toBe(400)
    })
  })

  test('$cursor means the list of the request, whatever other lists were read in between', async () => {
    await withSandbox({}, async (sandbox) => {
      const [first] = await walkIds(sandbox, '/v1/charges')
      await call(sandbox, '/v1/charges?limit=1')
      await call(sandbox, '/v1/customers?limit=1')
      sandbox.faults.add({
        match: { path: '/v1/charges' },
        fault: { kind: 'action', actions: [{ type: 'remove', id: '$cursor' }] },
      })
      expect((await call(sandbox, '/v1/charges?limit=1')).json.data[0].id).not.toBe(first)
    })
  })
})
