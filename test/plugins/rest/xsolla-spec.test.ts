import { afterEach, expect, test } from '@jest/globals'
import { readSpecFile } from '../../../src/flow/load-specs.ts'
import { silentLogger } from '../../../src/logger.ts'
import type { Page, RetriableSourceError, Source } from '../../../src/plugins/plugin.ts'
import { createRestHttp } from '../../../src/plugins/rest/http.ts'
import { createRestPlugin } from '../../../src/plugins/rest/plugin.ts'
import {
  createXsollaSandbox,
  XSOLLA_API_KEY,
  XSOLLA_MERCHANT_ID,
  type XsollaSandbox,
  type XsollaSandboxOptions,
} from '../../../src/sandbox/xsolla/sandbox.ts'
import { EVERYTHING, failure } from './open-rest.ts'

const spec = readSpecFile('specs/xsolla.connection-spec.json')

let sandbox: XsollaSandbox
afterEach(() => sandbox.close())

/** The server API, on a clock that moves only while the reader waits. */
async function openMerchant(options: XsollaSandboxOptions): Promise<Source> {
  sandbox = await createXsollaSandbox({ now: 1_782_907_200, ...options })
  const http = createRestHttp({ allowedHosts: [`127.0.0.1:${sandbox.port}`] })
  const pause = async (ms: number) => sandbox.clock.advance(ms / 1000)
  const plugin = createRestPlugin(spec, { http, apiBase: sandbox.url, pause })
  const auth = { username: String(XSOLLA_MERCHANT_ID), password: XSOLLA_API_KEY }
  return plugin.connect(auth, { resourcePath: 'merchant_subscriptions' }, { logger: silentLogger })
}

function readPage(source: Source, cursor: string | null): Promise<Page> {
  const signal = AbortSignal.timeout(20_000)
  const resourcePath = 'merchant_subscriptions'
  return source.readPage({ resourcePath, pass: 'all', window: EVERYTHING, cursor, limit: 100, signal })
}

test('reading the whole list twice never asks for more than 20 pages a minute', async () => {
  const source = await openMerchant({ subscriptions: 1230 })
  const ids = new Set<string | null>()
  let cursor: string | null = null
  do {
    const page: Page = await readPage(source, cursor)
    for (const { id } of page.records) ids.add(id)
    cursor = page.nextCursor
  } while (cursor !== null)
  expect(ids.size).toBe(1230)
  expect(sandbox.journal.total).toBe(52)
  expect(sandbox.journal.entries().every(({ status }) => status === 200)).toBe(true)
})

test('a refusal by rate is waited out, not an error of the run', async () => {
  const source = await openMerchant({ merchantRequestsPerMinute: 1 })
  await readPage(source, null)
  const error = await failure<RetriableSourceError>(readPage(source, null))
  expect([error.name, error.reason]).toEqual(['RetriableSourceError', 'rate'])
})

test('a list of the whole merchant is planned with the waits that the limit asks for', async () => {
  const source = await openMerchant({ subscriptions: 70 })
  const signal = AbortSignal.timeout(20_000)
  const planned = await source.estimate!({ resourcePath: 'merchant_subscriptions', window: EVERYTHING, signal })
  expect(planned).toMatchObject({ rows: 70, exact: true, requests: 6 })
  expect(planned.seconds).toBeGreaterThanOrEqual(15.5)
})
