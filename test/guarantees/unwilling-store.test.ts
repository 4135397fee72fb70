import { execFile } from 'node:child_process'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { promisify } from 'node:util'
import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { createStripeSandbox, type StripeSandbox } from '../../src/sandbox/stripe/sandbox.ts'
import { dataSetBody, CATALOG, FLOW_SERVICE } from '../support/flow-host.ts'
import { pause, SANDBOX_KEY } from '../support/stripe-host.ts'
import {
  createProcessFlow,
  endedRun,
  firstRunId,
  followRun,
  recordsInDataSet,
  runOf,
  type ProcessFlow,
} from './kill-flows.ts'
import { KillableHost } from './kill-host.ts'

const run = promisify(execFile)

const CHARGES = 3000

let sandbox: StripeSandbox
let host: KillableHost
beforeEach(async () => {
  sandbox = await createStripeSandbox({ counts: { charges: CHARGES }, latencyMs: 30, journalCapacity: 100_000 })
})
afterEach(async () => {
  await host.remove()
  await sandbox.close()
})

/** A host whose run has stored some pages and goes on. */
async function startReading(giveUpSeconds: number): Promise<{ flow: ProcessFlow; runId: string }> {
  host = new KillableHost({ STRIPE_API_BASE: sandbox.url, RUN_GIVE_UP_SECONDS: String(giveUpSeconds) })
  await host.start()
  const flow = await createProcessFlow(host, 'charges', SANDBOX_KEY)
  const runId = await firstRunId(host, flow.flowId)
  while ((await storedCount(runId)) < 300) await pause(5)
  return { flow, runId }
}

async function storedCount(runId: string): Promise<number> {
  return (await runOf(host, runId)).metrics.recordSummary.inputRecordCount ?? 0
}

/** While nothing can be stored: the run counts what its pages hold, all pages whole. Resolves with that number. */
async function expectWhole(runId: string): Promise<number> {
  const stored = await storedCount(runId)
  let served = 0
  // Full pages: the end of a short one would have to be noted in the store.
  let path = `/runs/${runId}/records?limit=100`
  for (;;) {
    const { items, _links: links } = await host.get(FLOW_SERVICE + path)
    if (items.length === 0) break
    served += items.length
    path = links.next.href
  }
  expect(served).toBe(stored)
  return stored
}

/** The host answers: it reads, it is alive, and what it cannot write it refuses. */
async function expectUp(runId: string): Promise<void> {
  expect(await host.statusOf('get', `${FLOW_SERVICE}/runs/${runId}`)).toBe(200)
  expect(await host.statusOf('get', '/health')).toBe(200)
  const refusal = await host.statusOf('post', `${CATALOG}/dataSets`, dataSetBody())
  expect(refusal).toBeGreaterThanOrEqual(500)
  expect(refusal).toBeLessThan(600)
}

/** Every charge once, in the dataset and among the run's deliveries. */
async function expectAllOnce({ dataSetId }: ProcessFlow, runId: string): Promise<void> {
  const expected = Array.from(sandbox.world.all('charges'), ({ id }) => id).toSorted()
  const delivered = await followRun(host, runId, 1000)
  expect(delivered.map(({ id }) => id).toSorted()).toEqual(expected)
  expect(delivered.map(({ sequence }) => sequence)).toEqual(delivered.map((_, index) => index + 1))
  expect((await recordsInDataSet(host, dataSetId)).map(({ id }) => id)).toEqual(expected)
}

/** Waits until the log tells of so many tries to write. */
async function untilTried(tries: number): Promise<void> {
  while (host.log.split('The store cannot be written').length <= tries) await pause(20)
}

describe('a store that another process holds locked', () => {
  let other: DatabaseSync
  const lock = () => {
    other = new DatabaseSync(join(host.dataDir, 'host.db'))
    other.exec('pragma busy_timeout = 5000; begin immediate')
  }
  const unlock = () => {
    other.exec('rollback')
    other.close()
  }

  test('makes a run pause, and it goes on when the lock is gone', async () => {
    const { flow, runId } = await startReading(900)
    lock()
    await untilTried(3)
    const stored = await expectWhole(runId)
    expect(stored).toBeLessThan(CHARGES)
    await expectUp(runId)
    expect((await runOf(host, runId)).metrics.statusSummary.status).toBe('inProgress')
    unlock()
    expect((await endedRun(host, runId)).metrics.statusSummary.status).toBe('success')
    await expectAllOnce(flow, runId)
  }, 60_000)

  test('fails a run that has waited for too long, by that reason, and a re-trigger goes on from there', async () => {
    const { flow, runId } = await startReading(2)
    lock()
    while (!host.log.includes('"msg":"run failed"')) await pause(20)
    await expectUp(runId)
    const stored = await expectWhole(runId)
    unlock()
    const failed = await endedRun(host, runId)
    expect(failed.metrics.statusSummary.status).toBe('failed')
    expect(failed.metrics.statusSummary.errors[0].message).toMatch(
      /No progress for 2 s\. The store cannot be written: .*holds the store locked/,
    )
    const kept = await followRun(host, runId, 1000)
    expect(kept).toHaveLength(stored)
    await host.post(`${FLOW_SERVICE}/runs/${runId}/action?op=RE_TRIGGER`)
    expect((await endedRun(host, runId)).metrics.statusSummary.status).toBe('success')
    expect((await followRun(host, runId, 1000)).slice(0, stored)).toEqual(kept)
    await expectAllOnce(flow, runId)
  }, 60_000)
})

describe('a store for which there is no room', () => {
  /** Lets no file of the process grow beyond `bytes`: what the disk would do when it is full. */
  const limit = (bytes: string) => run('prlimit', ['--pid', String(host.pid), `--fsize=${bytes}:unlimited`])

  test('makes a run pause, and it goes on when there is room again', async () => {
    const { flow, runId } = await startReading(900)
    await limit('65536')
    await untilTried(3)
    const stored = await expectWhole(runId)
    expect(stored).toBeLessThan(CHARGES)
    await expectUp(runId)
    await limit('unlimited')
    expect((await endedRun(host, runId)).metrics.statusSummary.status).toBe('success')
    await expectAllOnce(flow, runId)
  }, 60_000)

  test('stops no host that has waited for too long again and again', async () => {
    const { flow, runId } = await startReading(1)
    await limit('65536')
    while (host.log.split('"msg":"run failed"').length <= 2) await pause(20)
    await expectWhole(runId)
    await expectUp(runId)
    await limit('unlimited')
    const ended = await endedRun(host, runId)
    if (ended.metrics.statusSummary.status === 'failed') {
      expect(ended.metrics.statusSummary.errors[0].message).toContain('The store cannot be written')
      await host.post(`${FLOW_SERVICE}/runs/${runId}/action?op=RE_TRIGGER`)
    }
    expect((await endedRun(host, runId)).metrics.statusSummary.status).toBe('success')
    await expectAllOnce(flow, runId)
  }, 60_000)
})
