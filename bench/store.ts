/** Speed of the embedded store by itself: `node bench/store.ts [records] [flows]`. */
import { createHash, randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { openSqliteStore } from '../src/store/sqlite/sqlite-store.ts'
import type { ListQuery } from '../src/store/query.ts'
import type { ObservedRecord, Store } from '../src/store/store.ts'

const PAGE = 100
const BODY_BYTES = 2048
const TENANT = { orgId: 'bench@AdobeOrg', sandboxName: 'prod', sandboxId: '0' }

const records = Number(process.argv[2] ?? 100_000)
const flows = Number(process.argv[3] ?? 100_000)

const folder = mkdtempSync(join(tmpdir(), 'bench-store-'))
const store = await openSqliteStore({ dataDir: folder })
try {
  await benchDeliver(store, 'Stripe-like ids', 1, stripeLikeId)
  await benchDeliver(store, 'random ids', 2, randomId)
  await benchReads(store)
  await benchList(store)
} finally {
  await store.close()
  rmSync(folder, { recursive: true })
}

/** As Stripe makes them: the time of creation first, so a page read newest first lies close together. */
function stripeLikeId(number: number): string {
  return `ch_3M${((records - number) >> 2).toString(36).padStart(6, '0')}${md5(number).slice(0, 16)}`
}

/** The worst case: every record of a page lies elsewhere in the index. */
function randomId(number: number): string {
  return `ch_${md5(number).slice(0, 24)}`
}

function md5(number: number): string {
  return createHash('md5').update(String(number)).digest('hex')
}

async function benchDeliver(
  store: Store,
  name: string,
  dataSetNo: number,
  idOf: (number: number) => string,
): Promise<void> {
  const filler = randomBytes(BODY_BYTES)
    .toString('base64')
    .slice(0, BODY_BYTES - 60)
  const pages: ObservedRecord[][] = []
  for (let start = 0; start < records; start += PAGE) {
    pages.push(
      Array.from({ length: PAGE }, (_, index) => {
        const objectId = idOf(start + index)
        const body = JSON.stringify({ data: { id: objectId, filler } })
        return {
          objectId,
          operation: 'upsert',
          body,
          contentHash: createHash('sha256').update(body).digest('base64url'),
        }
      }),
    )
  }
  const changed = pages.map((page) => page.map((record) => ({ ...record, contentHash: `${record.contentHash}!` })))
  const firstRun = dataSetNo * 10
  await deliverAll(store, `${name}, new`, dataSetNo, firstRun, pages)
  await deliverAll(store, `${name}, unchanged but seen later`, dataSetNo, firstRun + 1, pages)
  await deliverAll(store, `${name}, changed`, dataSetNo, firstRun + 2, changed)
}

async function benchReads(store: Store): Promise<void> {
  for (const afterSequence of [0, Math.floor(records / 2), records - PAGE]) {
    await time(`delivered() after ${afterSequence}`, () => store.records.delivered(20, afterSequence, PAGE))
  }
  for (const objectId of ['', 'ch_8', 'ch_fe']) {
    await time(`current() after "${objectId}"`, () =>
      store.records.current(2, { objectId, recordSetNo: 0 }, PAGE, false),
    )
  }
}

async function deliverAll(
  store: Store,
  name: string,
  dataSetNo: number,
  runNo: number,
  pages: readonly ObservedRecord[][],
): Promise<void> {
  const state = { runNo, flowNo: 1, status: 'inProgress', notBefore: 0, checkpoint: null } as const
  await store.runs.insert({ ...state, lastSequence: 0 })
  const started = performance.now()
  let lastSequence = 0
  for (const page of pages) {
    const previous = lastSequence
    lastSequence = await store.transaction(async (scope) => {
      const result = await scope.records.deliver({
        target: { dataSetNo, connectionSpecId: 'bench', resourcePath: 'charges' },
        runNo,
        lastSequence: previous,
        observedAt: runNo,
        records: page,
      })
      await scope.runs.save({ ...state, lastSequence: result.lastSequence })
      return result.lastSequence
    })
  }
  const seconds = (performance.now() - started) / 1000
  const rate = Math.round((pages.length * PAGE) / seconds)
  console.log(`deliver ${name}: ${rate} records/s (pages of ${PAGE}, ${BODY_BYTES} bytes each, one commit a page)`)
}

async function benchList(store: Store): Promise<void> {
  for (let start = 0; start < flows; start += 1000) {
    await store.transaction(async (scope) => {
      for (let number = start; number < start + 1000; number += 1) {
        await scope.entities.insert({
          kind: 'flows',
          tenant: TENANT,
          etag: '"1"',
          document: {
            id: `flow-${number}`,
            name: `Flow ${number}`,
            state: ['enabled', 'disabled', 'draft'][number % 3]!,
            createdAt: number,
            updatedAt: number,
            flowSpec: { id: `spec-${number % 10}`, version: '1.0' },
            sourceConnectionIds: [`source-${number}`],
            inheritedAttributes: { properties: { isSourceFlow: true }, filler: 'x'.repeat(500) },
          },
        })
      }
    })
  }
  const all: ListQuery = { filter: [], order: [], limit: 100, after: null }
  const where = (path: string, value: string): ListQuery['filter'] => [
    {
      path: path.split('.').map((name) => ({ name: name.replace('[]', ''), each: name.endsWith('[]') })),
      operator: '==',
      values: [value],
    },
  ]
  const list = (name: string, query: ListQuery) => time(name, () => store.entities.list(TENANT, 'flows', query))
  await list('list 100, newest first', all)
  const page = { filter: where('state', 'Enabled') }
  await list('list 100 with state==Enabled', { ...all, ...page })
  await list('same, from the middle', { ...all, ...page, after: { values: [flows / 2], no: flows / 2 } })
  await list('list with state==nowhere', { ...all, filter: where('state', 'nowhere') })
  await list('list with state==a,b', {
    ...all,
    filter: [{ path: [{ name: 'state', each: false }], operator: '==', values: ['enabled', 'draft'] }],
  })
  await list('list with name==none (no index)', { ...all, filter: where('name', 'none') })
  await list('list with flowSpec.id==none (no index)', { ...all, filter: where('flowSpec.id', 'none') })
  await list('list with sourceConnectionIds[]==none (no index)', {
    ...all,
    filter: where('sourceConnectionIds[]', 'none'),
  })
  await list('list ordered by name (no index)', { ...all, order: [{ path: ['name'], direction: 'asc' }] })
  await time('count state==enabled', () => store.entities.count(TENANT, 'flows', where('state', 'enabled')))
}

/** Prints the median of some calls, in milliseconds; the first one, which compiles, is not counted. */
async function time(name: string, call: () => Promise<unknown>): Promise<void> {
  await call()
  const times: number[] = []
  for (let round = 0; round < 5; round += 1) {
    const started = performance.now()
    await call()
    times.push(performance.now() - started)
  }
  console.log(`${name}: ${times.sort((a, b) => a - b)[2]?.toFixed(2)} ms`)
}
