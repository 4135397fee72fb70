import type { TenantKey } from './store.ts'

/** `processing`: the host or the source is on. `requires_action`: the customer is. The others are final. */
export const SETUP_STATES = ['processing', 'requires_action', 'active', 'failed', 'expired'] as const
export type SetupState = (typeof SETUP_STATES)[number]

export interface NewSubscriptionSetup extends Pick<TenantKey, 'orgId' | 'sandboxName'> {
  readonly id: string
  /** Id of the base connection. */
  readonly connectionId: string
  /** The caller's idempotency key, null when it gave none. Once per connection. */
  readonly clientKey: string | null
  readonly state: SetupState
  /** What was asked for, JSON text; never changes. */
  readonly request: string
  /** How far it has come, JSON text of the worker's. */
  readonly progress: string
  /** When it is to be worked on next, ms since the epoch; null when it has ended. */
  readonly dueAt: number | null
  /** ms since the epoch. */
  readonly createdAt: number
  /** ms since the epoch. */
  readonly updatedAt: number
}

export interface StoredSubscriptionSetup extends NewSubscriptionSetup {
  /** The store's own number; never leaves the process. */
  readonly no: number
}

export interface SubscriptionSetupChange extends Pick<
  NewSubscriptionSetup,
  'state' | 'progress' | 'dueAt' | 'updatedAt'
> {
  /** Ids of the source's objects that it knows by now; a notice of one of them concerns it. */
  readonly objectIds: readonly string[]
}

/** What callers ask for is scoped by tenant and connection; what the host does by itself goes by number. */
export interface SubscriptionSetupStore {
  /** Returns the set-up's number. */
  insert(setup: NewSubscriptionSetup): Promise<number>
  get(tenant: TenantKey, connectionId: string, id: string): Promise<StoredSubscriptionSetup | null>
  getByClientKey(tenant: TenantKey, connectionId: string, clientKey: string): Promise<StoredSubscriptionSetup | null>
  /** Newest first, only those with a number below `beforeNo` when that is given. */
  list(
    tenant: TenantKey,
    connectionId: string,
    page: { readonly beforeNo: number | null; readonly limit: number },
  ): Promise<readonly StoredSubscriptionSetup[]>
  getByNo(no: number): Promise<StoredSubscriptionSetup | null>
  /** Those with `dueAt <= now` but for the numbers in `busy`, longest due first. */
  due(now: number, busy: readonly number[], limit: number): Promise<readonly StoredSubscriptionSetup[]>
  save(no: number, change: SubscriptionSetupChange): Promise<void>
  /** Makes it due at `at` unless it is due before or has ended. */
  hasten(no: number, at: number): Promise<void>
  /** Numbers of the set-ups of a connection that know this object of the source's. */
  byObject(connectionId: string, objectId: string): Promise<readonly number[]>
}
