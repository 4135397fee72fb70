/** Indexes the store of a folder until it is killed, telling of every part that is published. */
import { openSqliteStore } from '../../../src/store/sqlite/sqlite-store.ts'
import { openIndex } from './indexed-dataset.ts'

const store = await openSqliteStore({ dataDir: process.argv[2]! })
const { indexer } = openIndex(store)
while ((await indexer.indexSome()) > 0) process.stdout.write('part\n')
process.stdout.write('done\n')
await store.close()
