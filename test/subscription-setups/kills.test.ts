import { expect, test } from '@jest/globals'
import type { JsonObject } from '../../src/json.ts'
import { createStripeSandbox, type StripeSandbox } from '../../src/sandbox/stripe/sandbox.ts'
import { KillableHost } from '../guarantees/kill-host.ts'
import { connectionBody, FLOW_SERVICE } from '../support/flow-host.ts'
import { pause, SANDBOX_KEY } from '../support/stripe-host.ts'
import { setupBody, subscriptionsOf, type SetupAnswer } from './support.ts'

/** The writes of a set-up in order. Before the fourth and after the last the customer is on. */
const STEPS = ['/v1/customers', '/v1/prices', '/v1/setup_intents', '/v1/subscriptions', '/v1/payment_intents/'] as const

/** Long enough for a host to die and another to be there before Stripe does what it was asked. */
const SLOW_MS = 4_000

test('a host that is killed after each step was sent and after each was answered ends with one subscription', async () => {
  const counts = { charges: 10, customers: 5, subscriptions: 5, prices: 60 }
  const sandbox = await createStripeSandbox({ counts, firstInvoice: 'requires_confirmation' })
  const host = new KillableHost({ STRIPE_API_BASE: sandbox.url })
  try {
    for (const step of STEPS) {
      const match = { method: 'POST', path: `${step}*` }
      sandbox.faults.add({ match, times: 1, fault: { kind: 'latency', ms: SLOW_MS } })
    }
    await host.start()
    const path = `${FLOW_SERVICE}/connections/${(await host.post(`${FLOW_SERVICE}/connections`, connectionBody(SANDBOX_KEY))).id}/subscriptionSetups`
    // Its answer never comes: the host is killed before.
    const lost = host.post(path, setupBody()).catch(() => 'lost')
    let kills = 0
    for (const step of STEPS) {
      if (step === '/v1/subscriptions')
        approve(sandbox, await until(host, path, ({ state }) => state === 'requires_action'))
      for (const moment of [isSent, isAnswered]) {
        await moment(sandbox, step)
        await host.kill()
        kills += 1
        sandbox.journal.clear()
        await host.start()
      }
    }
    expect(await lost).toBe('lost')
    const isSecond = ({ subscriptionId, redirectUrl }: SetupAnswer) => Boolean(subscriptionId && redirectUrl)
    approve(sandbox, await until(host, path, isSecond))
    await host.kill()
    await host.start()
    const ended = await until(host, path, ({ state }) => !['processing', 'requires_action'].includes(state))

    // What a killed host has asked for is done by now.
    await pause(SLOW_MS)
    expect(kills).toBe(10)
    expect(ended).toMatchObject({ state: 'active' })
    expect(subscriptionsOf(sandbox, ended.id).map(({ id }) => id)).toEqual([ended.subscriptionId])
    expect(madeBy(sandbox, 'customers', ended.id)).toBe(1)
    expect(madeBy(sandbox, 'prices', ended.id)).toBe(1)
    expect(sandbox.world.payments.all('setup_intents')).toHaveLength(1)
    expect(sandbox.world.payments.all('payment_intents').filter(({ status }) => status === 'succeeded')).toHaveLength(1)
  } finally {
    await host.remove()
    await sandbox.close()
  }
}, 300_000)

/** Stripe has the request and has not begun with it. */
async function isSent(sandbox: StripeSandbox, step: string): Promise<void> {
  while (callsAt(sandbox, step).length === 0) await pause(2)
}

/** An answer to the step has just left. */
async function isAnswered(sandbox: StripeSandbox, step: string): Promise<void> {
  while (!callsAt(sandbox, step).some(({ finishedAt }) => finishedAt !== undefined)) await pause(1)
}

function callsAt(sandbox: StripeSandbox, step: string) {
  return sandbox.journal.entries({ method: 'POST', path: `${step}*` })
}

async function until(host: KillableHost, path: string, fits: (setup: SetupAnswer) => boolean): Promise<SetupAnswer> {
  for (;;) {
    const { items } = (await host.get(path)) as { items: SetupAnswer[] }
    const [setup] = items
    if (setup !== undefined && items.length === 1 && fits(setup)) return setup
    await pause(20)
  }
}

function approve(sandbox: StripeSandbox, { setupIntentId, paymentIntentId }: SetupAnswer): void {
  sandbox.apply({ type: 'approve', id: String(paymentIntentId ?? setupIntentId) })
}

function madeBy(sandbox: StripeSandbox, resource: 'customers' | 'prices', setupId: string): number {
  const objects = Array.from(sandbox.world.all(resource))
  return objects.filter(({ metadata }) => (metadata as JsonObject | null)?.subscription_setup === setupId).length
}
