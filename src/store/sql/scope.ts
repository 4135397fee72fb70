import type { CompiledQuery } from 'kysely'
import type { StoreScope } from '../store.ts'
import { createAuditStore } from './audits.ts'
import { createClientStore } from './clients.ts'
import { deliverPages, type DeliverPages } from './deliver-pages.ts'
import type { StoreDialect } from './dialect.ts'
import { createEntityStore } from './entities.ts'
import { createFlowProgressStore } from './flow-progress.ts'
import { QueryTexts } from './query-texts.ts'
import { createRecordStore } from './records.ts'
import { createSearchIndexStore } from './search-index.ts'
import { createRunStateStore } from './run-states.ts'
import { createSettingStore } from './settings.ts'
import { createSubscriptionSetupStore } from './subscription-setups.ts'
import type { SendStatement } from './send-statement.ts'
import type { Database } from './tables.ts'
import { createWebhookInboxStore } from './webhook-inbox.ts'

/** What the scopes of one store share. */
export interface ScopeParts {
  readonly dialect: StoreDialect
  readonly texts: QueryTexts
  readonly send: SendStatement
  readonly deliverPages: DeliverPages
}

/** Parts that leave every statement to Kysely, one after the other. */
export function createScopeParts(dialect: StoreDialect): ScopeParts {
  const texts = new QueryTexts()
  return {
    dialect,
    texts,
    send: <Row>(db: Database, query: CompiledQuery) => db.executeQuery<Row>(query),
    deliverPages: (db, request) => deliverPages(db, texts, request),
  }
}

/** The stores of one connection or transaction. */
export function createScope(db: Database, parts: ScopeParts): StoreScope {
  const { dialect, texts, send, deliverPages } = parts
  return {
    entities: createEntityStore(db, dialect, send),
    progress: createFlowProgressStore(db),
    runs: createRunStateStore(db, texts, send),
    records: createRecordStore(db, texts, deliverPages),
    searchIndex: createSearchIndexStore(db, texts),
    audits: createAuditStore(db),
    setups: createSubscriptionSetupStore(db),
    webhooks: createWebhookInboxStore(db),
    clients: createClientStore(db),
    settings: createSettingStore(db, texts, send),
  }
}
