import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, describe, expect, test } from '@jest/globals'
import { systemClock, type Clock } from '../../src/clock.ts'
import { createStripePlugin } from '../../src/plugins/stripe/plugin.ts'
import { createStripeSandbox } from '../../src/sandbox/stripe/sandbox.ts'
import { create, createChain, FLOW_SERVICE, NOW, UNKNOWN_ID } from '../support/flow-host.ts'
import {
  createStripeChain,
  firstRun,
  pause,
  runsOf,
  SANDBOX_KEY,
  startStripeHost,
  untilEnded,
  UNHURRIED,
} from '../support/stripe-host.ts'
import { ACME, GLOBEX, startTestHost } from '../support/test-host.ts'
import type { TestHost } from '../support/test-host.ts'

const cleanUp: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const step of cleanUp.splice(0).toReversed()) await step()
})

function stopLater<T extends { stop(): Promise<void> }>(host: T): T {
  cleanUp.push(() => host.stop())
  return host
}

/** Serves a host that does no work by itself. */
async function listen({ host }: TestHost): Promise<string> {
  const server = createServer(host.router).listen(0, '127.0.0.1')
  await once(server, 'listening')
  cleanUp.push(async () => {
    server.closeAllConnections()
    server.close()
  })
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

const UNUSED_PLUGIN = createStripePlugin({ apiBase: 'http://127.0.0.1:9', ...UNHURRIED })

const eventsPath = (runId: string) => `${FLOW_SERVICE}/runs/${runId}/events`

/** Real time, with pauses cut short: a run is looked at often. */
const HASTY: Clock = { now: systemClock.now, sleep: (ms, signal) => systemClock.sleep(Math.min(ms, 10), signal) }

/** Stands still and lets nobody wake up until it is told to. */
interface HeldClock extends Clock {
  time: number
  /** Those who sleep now. */
  readonly sleepers: Set<() => void>
  wakeAll(): void
}

function createHeldClock(): HeldClock {
  const sleepers = new Set<() => void>()
  const clock: HeldClock = {
    time: NOW,
    sleepers,
    now: () => clock.time,
    sleep: (_ms, signal) =>
      new Promise((resolve) => {
        const wake = () => {
          sleepers.delete(wake)
          resolve()
        }
        sleepers.add(wake)
        signal?.addEventListener('abort', wake, { once: true })
      }),
    wakeAll: () => [...sleepers].forEach((wake) => wake()),
  }
  return clock
}

interface ServerSentEvent {
  readonly id: number
  readonly event: string
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly data: any
}

interface EventReader {
  readonly response: Response
  /** Blocks as they were sent: events and comments. */
  readonly blocks: string[]
  readonly events: () => ServerSentEvent[]
  /** Resolves when there are so many blocks, or the stream is over. */
  untilBlocks(count: number): Promise<void>
  /** Resolves when the stream has ended as it should; rejects when it was cut off. */
  readonly ended: Promise<void>
  /** Goes away. */
  leave(): void
}

/** Opens the stream of a run over a real connection; the host listens. */
async function openEvents(target: TestHost, url: string, runId: string): Promise<EventReader> {
  const leaving = new AbortController()
  const response = await fetch(url + eventsPath(runId), { headers: target.api.headers, signal: leaving.signal })
  const blocks: string[] = []
  let isOver = false
  const ended = (async () => {
    const decoder = new TextDecoder()
    let rest = ''
    for await (const chunk of response.body ?? []) {
      const parts = (rest + decoder.decode(chunk, { stream: true })).split('\n\n')
      rest = parts.pop() ?? ''
      blocks.push(...parts)
    }
    expect(rest).toBe('')
  })().finally(() => (isOver = true))
  ended.catch(() => {})
  return {
    response,
    blocks,
    events: () => eventsOf(blocks),
    async untilBlocks(count) {
      while (blocks.length < count && !isOver) await pause(5)
    },
    ended,
    leave: () => leaving.abort(),
  }
}

function eventsOf(blocks: readonly string[]): ServerSentEvent[] {
  return blocks
    .filter((block) => !block.startsWith(':'))
    .map((block) => {
      const fields = new Map(block.split('\n').map((line) => line.split(/: (.*)/, 2) as [string, string]))
      return {
        id: Number(fields.get('id')),
        event: fields.get('event') ?? '',
        data: JSON.parse(fields.get('data') ?? 'null'),
      }
    })
}

describe('the events of a run that goes on', () => {
  test('tell its progress until it has ended, then how it ended, and are over', async () => {
    const host = stopLater(await startStripeHost({ counts: { charges: 2_000 }, latencyMs: 60 }, { clock: HASTY }))
    host.sandbox.faults.add({
      after: 3,
      match: { path: '/v1/charges' },
      fault: { kind: 'status', status: 429, reason: 'endpoint-rate' },
    })
    const { url } = await host.host.start()
    const { flowId } = await createStripeChain(host.api)
    let [run] = await runsOf(host.api, flowId)
    while (run === undefined) [run] = await runsOf(host.api, flowId)
    const reader = await openEvents(host, url, run.id)
    expect(Object.fromEntries(reader.response.headers)).toMatchObject({
      'content-type': 'text/event-stream',
      'cache-control': 'no-store',
    })
    await reader.ended

    const events = reader.events()
    const progress = events.slice(0, -1)
    expect(reader.blocks[0]).toMatch(/^retry: \d+\nid: /)
    expect(reader.blocks.filter((block) => block.includes('retry:'))).toHaveLength(1)
    expect(new Set(progress.map(({ event }) => event))).toEqual(new Set(['progress']))
    expect(new Set(progress.map(({ data }) => JSON.stringify(data))).size).toBe(progress.length)
    for (const figure of [
      events.map(({ id }) => id),
      progress.map(({ data }) => data.records),
      progress.map(({ data }) => data.requests),
      progress.map(({ data }) => data.rateLimited),
      progress.map(({ data }) => data.windowDone),
    ]) {
      expect(figure).toEqual(figure.toSorted((a, b) => a - b))
    }
    const halfway = progress.filter(({ data }) => data.records > 0 && data.records < 2_000)
    expect(halfway.length).toBeGreaterThan(1)
    for (const { data } of halfway) {
      expect(data).toMatchObject({ runId: run.id, status: 'inProgress', requests: expect.any(Number) })
      expect(data.recordSummary.inputRecordCount).toBe(data.records)
      expect(data.windowDone).toBeGreaterThan(0)
      expect(data.windowDone).toBeLessThan(1)
    }
    expect(Math.max(...halfway.map(({ data }) => data.requests))).toBeGreaterThan(3)
    expect(halfway.some(({ data }) => data.rateLimited === 1)).toBe(true)
    expect(halfway.some(({ data }) => data.requestsPerSecond > 0)).toBe(true)
    expect(halfway.some(({ data }) => data.secondsLeft !== null)).toBe(true)
    expect(progress.at(-1)?.data).toMatchObject({ status: 'success', records: 2_000, windowDone: 1, secondsLeft: 0 })

    const { metrics } = await untilEnded(host.api, run.id)
    const { statusSummary, recordSummary } = metrics
    expect(events.at(-1)).toEqual({
      id: expect.any(Number),
      event: 'end',
      data: { runId: run.id, statusSummary, recordSummary },
    })
  })

  test('go on from the stored counts when another process takes the run up', async () => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'run-events-'))
    cleanUp.push(() => rm(dataDir, { recursive: true }))
    const sandbox = await createStripeSandbox({ counts: { charges: 2_000 }, latencyMs: 40 })
    cleanUp.push(() => sandbox.close())
    const plugins = [createStripePlugin({ apiBase: sandbox.url, ...UNHURRIED })]
    const start = async () => stopLater(await startTestHost({ plugins, dataDir, clock: HASTY }))

    const first = await start()
    const firstUrl = (await first.host.start()).url
    const { flowId } = await createStripeChain(first.api, { accessToken: SANDBOX_KEY })
    let [run] = await runsOf(first.api, flowId)
    while (run === undefined) [run] = await runsOf(first.api, flowId)
    const before = await openEvents(first, firstUrl, run.id)
    while (!before.events().some(({ data }) => data.records > 0)) await pause(5)
    await first.stop()
    await before.ended
    const stored = before.events().at(-1)!
    expect([stored.event, stored.data.status]).toEqual(['progress', 'inProgress'])

    const second = await start()
    const after = await openEvents(second, await listen(second), run.id)
    await after.untilBlocks(1)
    const [idle] = after.events()
    expect(idle?.data).toMatchObject({ status: 'inProgress', requests: 0, requestsPerSecond: 0, secondsLeft: null })
    expect(idle?.data.records).toBeGreaterThanOrEqual(stored.data.records)
    expect(idle?.data.records).toBe(idle?.data.recordSummary.inputRecordCount)
    expect(idle?.data.windowDone).toBeGreaterThan(0)
    expect(idle?.data.windowDone).toBeLessThanOrEqual(0.5)
    expect(idle?.id).toBeGreaterThan(stored.id)

    second.host.startRuns()
    await after.ended
    const events = after.events()
    expect(events.at(-2)?.data).toMatchObject({ status: 'success', records: 2_000, windowDone: 1 })
    expect(events.at(-1)).toMatchObject({ event: 'end', data: { statusSummary: { status: 'success' } } })
  })
})

describe('the events of a run that has ended', () => {
  test('are its last progress and its end, at once', async () => {
    const host = stopLater(await startStripeHost({ counts: { charges: 250 } }))
    const { flowId } = await createStripeChain(host.api)
    const run = await firstRun(host.api, flowId)
    const { text } = await host.api.get(eventsPath(run.id)).expect(200)
    const { recordSummary, statusSummary } = run.metrics
    expect(text.endsWith('\n\n')).toBe(true)
    expect(eventsOf(text.split('\n\n').slice(0, -1))).toEqual([
      {
        id: expect.any(Number),
        event: 'progress',
        data: {
          runId: run.id,
          status: 'success',
          records: 250,
          requests: expect.any(Number),
          requestsPerSecond: expect.any(Number),
          rateLimited: 0,
          windowDone: 1,
          secondsLeft: 0,
          recordSummary,
        },
      },
      { id: expect.any(Number), event: 'end', data: { runId: run.id, statusSummary, recordSummary } },
    ])
  })

  test('name what made it fail', async () => {
    const host = stopLater(await startStripeHost())
    const { flowId } = await createStripeChain(host.api, { accessToken: 'sk_test_unknown' })
    const run = await firstRun(host.api, flowId)
    const { text } = await host.api.get(eventsPath(run.id)).expect(200)
    const [progress, end] = eventsOf(text.split('\n\n').slice(0, -1))
    expect(progress?.data).toMatchObject({ status: 'failed', records: 0, secondsLeft: null })
    expect(end).toMatchObject({ event: 'end', data: { statusSummary: run.metrics.statusSummary } })
    expect(end?.data.statusSummary.errors.length).toBeGreaterThan(0)
  })
})

describe('a run that waits', () => {
  async function startWaitingRun() {
    const clock = createHeldClock()
    const target = stopLater(await startTestHost({ clock, plugins: [UNUSED_PLUGIN] }))
    const scheduleParams = { startTime: NOW / 1000 + 600, frequency: 'once' }
    const { flowId } = await createChain(target.api, { scheduleParams })
    const runId = await create(target.api, 'runs', { flowId, params: { startTime: NOW / 1000 + 86_400 } })
    const url = await listen(target)
    return { clock, target, flowId, runId, url }
  }

  test('is shown once with what is stored, then only when something changes', async () => {
    const { clock, target, flowId, runId, url } = await startWaitingRun()
    const reader = await openEvents(target, url, runId)
    await reader.untilBlocks(1)
    expect(reader.events()).toEqual([
      {
        id: NOW,
        event: 'progress',
        data: {
          runId,
          status: 'scheduled',
          records: 0,
          requests: 0,
          requestsPerSecond: 0,
          rateLimited: 0,
          windowDone: 0,
          secondsLeft: null,
          recordSummary: {},
        },
      },
    ])
    for (let look = 0; look < 5; look++) {
      while (clock.sleepers.size === 0) await pause(1)
      clock.wakeAll()
    }
    await target.api.delete(`${FLOW_SERVICE}/flows/${flowId}`).expect(204)
    while (clock.sleepers.size === 0) await pause(1)
    clock.wakeAll()
    await reader.ended
    expect(reader.blocks).toHaveLength(3)
    const [, progress, end] = reader.events()
    expect([progress?.id, progress?.event, progress?.data.status]).toEqual([NOW + 1, 'progress', 'failed'])
    expect([end?.id, end?.event]).toEqual([NOW + 2, 'end'])
    expect(end?.data.statusSummary.errors[0].message).toBe('the flow was deleted')
  })

  test('gets a comment after fifteen silent seconds, and again after fifteen more', async () => {
    const { clock, target, runId, url } = await startWaitingRun()
    const reader = await openEvents(target, url, runId)
    await reader.untilBlocks(1)
    for (let seconds = 1; seconds <= 31; seconds++) {
      while (clock.sleepers.size === 0) await pause(1)
      clock.time += 1_000
      clock.wakeAll()
    }
    await reader.untilBlocks(3)
    expect(reader.blocks.slice(1)).toEqual([expect.stringMatching(/^: \S/), expect.stringMatching(/^: \S/)])
    reader.leave()
  })

  test('is looked at no more when the client has gone', async () => {
    const { clock, target, runId, url } = await startWaitingRun()
    const readers = [await openEvents(target, url, runId), await openEvents(target, url, runId)]
    await Promise.all(readers.map((reader) => reader.untilBlocks(1)))
    while (clock.sleepers.size < 2) await pause(1)
    for (const reader of readers) reader.leave()
    while (clock.sleepers.size > 0) await pause(1)
    clock.wakeAll()
    await pause(20)
    expect(clock.sleepers.size).toBe(0)
  })

  test('answers a HEAD request with the headers alone', async () => {
    const { clock, target, runId, url } = await startWaitingRun()
    const response = await fetch(url + eventsPath(runId), { method: 'HEAD', headers: target.api.headers })
    expect([response.status, response.headers.get('content-type')]).toEqual([200, 'text/event-stream'])
    expect(await response.text()).toBe('')
    expect(clock.sleepers.size).toBe(0)
  })

  test('is seen by its own tenant only', async () => {
    const { target, runId } = await startWaitingRun()
    for (const [api, id] of [
      [await target.as(GLOBEX), runId],
      [await target.as(ACME, 'dev'), runId],
      [target.api, UNKNOWN_ID],
    ] as const) {
      const { body, type } = await api.get(eventsPath(id)).expect(404)
      expect([type, body.errorCode]).toEqual(['application/json', '1101-404'])
    }
    await target.anonymous().get(eventsPath(runId)).expect(403)
  })
})

describe('a host that stops', () => {
  test('ends the streams as complete answers, without an end of the run', async () => {
    const target = stopLater(await startTestHost({ plugins: [UNUSED_PLUGIN] }))
    const { url } = await target.host.start()
    const later = Math.floor(Date.now() / 1000) + 86_400
    const { flowId } = await createChain(target.api, { scheduleParams: { startTime: later, frequency: 'once' } })
    const runId = await create(target.api, 'runs', { flowId, params: { startTime: later } })
    const reader = await openEvents(target, url, runId)
    await reader.untilBlocks(1)
    // Only connections that are cut off after the time of grace end in the middle of an answer.
    await Promise.all([target.host.stop(), reader.ended])
    expect(reader.events().map(({ event }) => event)).toEqual(['progress'])
  })
})
