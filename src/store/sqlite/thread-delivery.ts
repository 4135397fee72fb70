import { Kysely } from 'kysely'
import { deliverPages } from '../sql/deliver-pages.ts'
import { QueryTexts } from '../sql/query-texts.ts'
import type { Tables } from '../sql/tables.ts'
import type { DeliverPagesRequest, DeliverResult } from '../store.ts'
import { createSqliteDialect, type SqliteConnections } from './sqlite-driver.ts'

/** `RecordStore.deliverPages` in the thread that writes, in the transaction that `writer` has open. */
export function createThreadDelivery(
  writer: SqliteConnections['writer'],
): (request: DeliverPagesRequest) => Promise<readonly DeliverResult[]> {
  const db = new Kysely<Tables>({ dialect: createSqliteDialect({ writer, reader: null, async close() {} }) })
  const texts = new QueryTexts()
  return (request) => deliverPages(db, texts, request)
}
