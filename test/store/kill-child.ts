/** Delivers pages until it is killed, telling the number of every page that is committed. */
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'

const PAGE = 20

const store = await openSqliteStore({ dataDir: process.argv[2]! })
const first = await store.runs.get(1)
const state = { runNo: 1, flowNo: 1, status: 'inProgress', notBefore: 0, lastSequence: 0, checkpoint: null } as const
if (!first) await store.runs.insert(state)

for (let lastSequence = first?.lastSequence ?? 0; ;) {
  const from = lastSequence
  const body = 'x'.repeat(3000)
  lastSequence = await store.transaction(async (scope) => {
    const records = Array.from({ length: PAGE }, (_, index) => ({
      objectId: `id-${from + index}`,
      operation: 'upsert' as const,
      body,
      contentHash: 'h',
    }))
    const target = { dataSetNo: 1, connectionSpecId: 'stripe', resourcePath: 'charges' }
    const result = await scope.records.deliver({ target, runNo: 1, lastSequence: from, observedAt: 1, records })
    await scope.runs.save({ ...state, lastSequence: result.lastSequence })
    return result.lastSequence
  })
  process.stdout.write(`${lastSequence}\n`)
}
