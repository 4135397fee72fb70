import type { Migration } from '../sql/migrate.ts'
import { initialSchema } from './0001-initial-schema.ts'
import { runEngine } from './0002-run-engine.ts'
import { searchIndex } from './0003-search-index.ts'
import { webhookInbox } from './0004-webhook-inbox.ts'
import { deliveryCauses } from './0005-delivery-causes.ts'
import { subscriptionSetups } from './0006-subscription-setups.ts'
import { leftOutPasses } from './0007-left-out-passes.ts'

/** In order; the numbers count from 1. */
export const MIGRATIONS: readonly Migration[] = [
  initialSchema,
  runEngine,
  searchIndex,
  webhookInbox,
  deliveryCauses,
  subscriptionSetups,
  leftOutPasses,
]
