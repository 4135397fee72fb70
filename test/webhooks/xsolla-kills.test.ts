import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import type { Chain } from '../support/flow-host.ts'
import { startProcess, type HostProcess } from '../support/start-process.ts'
import { firstRun, pause, recordsOfRun } from '../support/stripe-host.ts'
import { ACME, GLOBEX } from '../support/test-host.ts'
import { eventsOf, untilNothingPends, webhookRunsOf } from './support.ts'
import {
  connect,
  createXsollaFlow,
  landed,
  payment,
  send,
  signatureOf,
  startXsollaHost,
  type XsollaHost,
} from './xsolla-support.ts'

const PAYMENTS = 120
const KILLS = 3

let dataDir: string

beforeAll(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'flow-xsolla-'))
})

afterAll(() => rm(dataDir, { recursive: true, force: true }))

/** A life of the host on the same folder, in this process. */
async function inThisProcess<T>(work: (host: XsollaHost) => Promise<T>): Promise<T> {
  const host = await startXsollaHost({ dataDir })
  try {
    return await work(host)
  } finally {
    await host.stop()
  }
}

/** A life in a process of its own. */
async function begin(): Promise<{ readonly url: string; readonly process: HostProcess }> {
  const env = { DATA_DIR: dataDir, LOG_LEVEL: 'warn', BOOTSTRAP_CLIENTS: JSON.stringify([ACME, GLOBEX]) }
  const process = startProcess(env, ['test/webhooks/xsolla-process.ts'])
  const [, url = ''] = await process.waitFor(/Listening on (\S+)/)
  return { url, process }
}

async function statusOf(url: string, baseId: string, body: string): Promise<number> {
  const headers = { 'Content-Type': 'application/json', Authorization: `Signature ${signatureOf(body)}` }
  return fetch(`${url}/webhooks/xsolla/${baseId}`, { method: 'POST', headers, body }).then(
    ({ status }) => status,
    () => 0,
  )
}

test('what was answered 204 is not lost and does not land twice, however often the host is killed', async () => {
  const chain = await inThisProcess(async ({ api }): Promise<Chain> => {
    const flow = await createXsollaFlow(api, await connect(api, 'http://127.0.0.1:9'))
    await firstRun(api, flow.flowId)
    return flow
  })

  const sent = Array.from({ length: PAYMENTS }, () => payment())
  const taken = new Set<number>()
  for (let kill = 0; kill < KILLS; kill++) {
    const { url, process } = await begin()
    const share = sent.slice((kill * PAYMENTS) / KILLS, ((kill + 1) * PAYMENTS) / KILLS)
    const takenBefore = taken.size
    const sending = share.map(async (body, index) => {
      await pause(5 * index)
      const status = await statusOf(url, chain.baseId, JSON.stringify(body))
      if (status === 204) taken.add(body.transaction.id)
      else expect([0, 503]).toContain(status)
    })
    // Some are answered, some are on their way.
    while (taken.size - takenBefore < share.length / 2) await pause(2)
    process.child.kill('SIGKILL')
    await Promise.all([process.ended, ...sending])
  }

  await inThisProcess(async (host) => {
    const kept = new Set((await eventsOf(host.api, chain.baseId, '?limit=1000')).map(({ id }) => id))
    for (const id of taken) expect(kept).toContain(`payment:${id}`)
    // As Xsolla does with what had no answer; what had one is sent again as well.
    for (const body of sent) await send(host, chain.baseId, body).expect(204)
    await untilNothingPends(host.api, chain.baseId)
    const keys = sent.map(({ transaction }) => `payment:${transaction.id}`).toSorted()
    expect([...(await landed(host.api, chain)).keys()].toSorted()).toEqual(keys)
    const runs = await webhookRunsOf(host.api, chain)
    const delivered = (await Promise.all(runs.map(({ id }) => recordsOfRun(host.api, id)))).flat()
    expect(delivered.map(({ id }) => id).toSorted()).toEqual(keys)
  })
}, 120_000)
