import type { StoreScope } from '../store.ts'
import { createAuditStore } from './audits.ts'
import { createClientStore } from './clients.ts'
import type { StoreDialect } from './dialect.ts'
import { createEntityStore } from './entities.ts'
import { createFlowProgressStore } from './flow-progress.ts'
import type { QueryTexts } from './query-texts.ts'
import { createRecordStore } from './records.ts'
import { createSearchIndexStore } from './search-index.ts'
import { createRunStateStore } from './run-states.ts'
import { createSettingStore } from './settings.ts'
import { createSubscriptionSetupStore } from './subscription-setups.ts'
import type { Database } from './tables.ts'
import { createWebhookInboxStore } from './webhook-inbox.ts'

/** The stores of one connection or transaction. `texts` is shared by all of them. */
export function createScope(db: Database, dialect: StoreDialect, texts: QueryTexts): StoreScope {
  return {
    entities: createEntityStore(db, dialect),
    progress: createFlowProgressStore(db),
    runs: createRunStateStore(db, texts),
    records: createRecordStore(db, texts),
    searchIndex: createSearchIndexStore(db, texts),
    audits: createAuditStore(db),
    setups: createSubscriptionSetupStore(db),
    webhooks: createWebhookInboxStore(db),
    clients: createClientStore(db),
    settings: createSettingStore(db),
  }
}
