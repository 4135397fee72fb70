import type { Tenant } from '../caller.ts'
import type { JsonObject } from '../json.ts'
import type { Comparison, ListPosition, ListQuery } from './query.ts'
import type { RecordStore } from './record-store.ts'
import type { SearchIndexStore } from './search-index-store.ts'
import type { SubscriptionSetupStore } from './subscription-setups.ts'
import type { WebhookInboxStore } from './webhook-inbox.ts'

export type * from './observation.ts'
export * from './record-store.ts'
export * from './search-index-store.ts'
export * from './webhook-inbox.ts'

/**
 * Everything that outlives the process. One implementation for SQLite; the contract suite in
 * `test/store/store-contract.ts` says what any other must do.
 */
export interface Store extends StoreScope {
  /**
   * Runs `work` in one transaction: all of it or, when it throws, none. `work` uses only the scope it is given and awaits
   * nothing but the store.
   */
  transaction<T>(work: (scope: StoreScope) => Promise<T>): Promise<T>
  /** Throws when the store cannot be read; backs `GET /ready`. */
  ping(): Promise<void>
  close(): Promise<void>
}

export interface StoreScope {
  readonly entities: EntityStore
  readonly progress: FlowProgressStore
  readonly runs: RunStateStore
  readonly records: RecordStore
  readonly searchIndex: SearchIndexStore
  readonly audits: AuditStore
  readonly setups: SubscriptionSetupStore
  readonly webhooks: WebhookInboxStore
  readonly clients: ClientStore
  readonly settings: SettingStore
}

// --- entities ---

export const ENTITY_KINDS = [
  'connections',
  'sourceConnections',
  'targetConnections',
  'flows',
  'runs',
  'dataSets',
  'batches',
  'schemas',
  'fieldGroups',
  'mappingSets',
  'mappingSetVersions',
  'connectionSpecs',
  'flowSpecs',
  'audits',
] as const
export type EntityKind = (typeof ENTITY_KINDS)[number]

/** The wire form of an entity, whole: what a read answers, common fields included, secrets masked. */
export type EntityDocument = JsonObject & { readonly id: string }

export interface StoredEntity<D extends EntityDocument = EntityDocument> {
  /** The store's own number of the entity; never leaves the process. */
  readonly no: number
  readonly kind: EntityKind
  readonly id: string
  readonly orgId: string
  readonly sandboxName: string
  /** Changes with every write that a client can see. With its own double quotes, as it goes over the wire. */
  readonly etag: string
  readonly document: D
  /** Encrypted secrets by name (JSON Pointer into the document), never part of an answer. */
  readonly secrets: Readonly<Record<string, string>>
}

export interface NewEntity {
  readonly kind: EntityKind
  readonly tenant: Tenant
  readonly etag: string
  readonly document: EntityDocument
  readonly secrets?: Readonly<Record<string, string>>
  /** Ids of the entities that this one uses; they back the in-use rules. */
  readonly references?: readonly string[]
}

export interface EntityChange {
  readonly etag: string
  readonly document: EntityDocument
  /** Left as they are when absent. */
  readonly secrets?: Readonly<Record<string, string>>
  readonly references?: readonly string[]
}

/** Every call is scoped by (organisation, sandbox): another tenant's id is unknown here. */
export interface EntityStore {
  /** Returns the entity's number. */
  insert(entity: NewEntity): Promise<number>
  get(tenant: TenantKey, kind: EntityKind, id: string): Promise<StoredEntity | null>
  /** Only for work that the host does by itself (runs): by number, whatever the tenant. */
  getByNo(no: number): Promise<StoredEntity | null>
  list(tenant: TenantKey, kind: EntityKind, query: ListQuery): Promise<readonly StoredEntity[]>
  /** The position to continue a list of this order after `entity`. */
  positionOf(entity: StoredEntity, order: ListQuery['order']): ListPosition
  count(tenant: TenantKey, kind: EntityKind, filter: readonly Comparison[]): Promise<number>
  /** Writes only when the stored etag is still `expectedEtag`; false when it is not, or the entity is gone. */
  update(entity: Pick<StoredEntity, 'no' | 'etag'>, change: EntityChange): Promise<boolean>
  /** Replaces the document under the same etag: for what the host itself keeps up to date (`lastRunDetails`, metrics). */
  updateDocument(entity: Pick<StoredEntity, 'no' | 'kind'>, document: EntityDocument): Promise<void>
  delete(no: number): Promise<void>
  /** Ids of the entities of `kind` that use the entity `id`, at most `limit`, oldest first. */
  usedBy(tenant: TenantKey, kind: EntityKind, id: string, limit: number): Promise<readonly string[]>
}

/** What scopes a query. The sandbox's name is unique in its organisation. */
export type TenantKey = Pick<Tenant, 'orgId' | 'sandboxName'>

// --- flow progress: where a flow stands ---

export interface FlowProgress {
  readonly flowNo: number
  /** When the next scheduled run is due, ms since the epoch; null when the flow has no run to make by itself. */
  readonly nextDueAt: number | null
  /** End of the last good window, ms, exclusive: everything created before is taken. Null before the first good run. */
  readonly position: number | null
  /** Where the flow stands in the change feed, JSON text of the engine's. Null when there is none yet. */
  readonly changePosition: string | null
  /** Creation of the newest object that the flow has seen, Unix seconds by the source's clock. Null when unknown. */
  readonly newestCreated: number | null
  /**
   * List passes of which objects created before `position` may be missing, because the source has refused to show them.
   * Null when it is not known: a store of an earlier version does not tell.
   */
  readonly leftOut: readonly string[] | null
}

export interface FlowProgressStore {
  save(progress: FlowProgress): Promise<void>
  get(flowNo: number): Promise<FlowProgress | null>
  delete(flowNo: number): Promise<void>
  /** Flows with `nextDueAt <= now` that have no scheduled or running run, longest due first. */
  due(now: number, limit: number): Promise<readonly FlowProgress[]>
}

// --- run states: the engine's durable side of a run; the wire form is the entity of kind `runs` ---

export const RUN_STATUSES = ['scheduled', 'inProgress', 'success', 'failed'] as const
export type RunStatus = (typeof RUN_STATUSES)[number]

export interface RunState {
  /** The run entity's number. */
  readonly runNo: number
  readonly flowNo: number
  readonly status: RunStatus
  /** Not to be started before, ms. */
  readonly notBefore: number
  /** Number of the last delivery; deliveries of a run count from 1 without gaps. */
  readonly lastSequence: number
  /** The engine's checkpoint, JSON text; null before the run is planned. */
  readonly checkpoint: string | null
}

export interface RunStateStore {
  insert(state: RunState): Promise<void>
  get(runNo: number): Promise<RunState | null>
  save(state: RunState): Promise<void>
  /**
   * Runs to work on: of each flow the oldest that is `inProgress`, else the oldest `scheduled` with `notBefore <= now`.
   * A flow in `busyFlows` is left out.
   */
  runnable(now: number, busyFlows: readonly number[], limit: number): Promise<readonly RunState[]>
  /** Runs of a flow that are scheduled or in progress, oldest first. */
  openRuns(flowNo: number): Promise<readonly RunState[]>
}

// --- audits: what a comparison of a dataset with its source found; the wire form is the entity of kind `audits` ---

export const AUDIT_FINDING_KINDS = ['missing', 'extra', 'stale'] as const
export type AuditFindingKind = (typeof AUDIT_FINDING_KINDS)[number]

export interface AuditFinding {
  readonly kind: AuditFindingKind
  readonly objectId: string
}

export interface NumberedFinding extends AuditFinding {
  /** Counts from 1 in each audit, in the order in which the findings were added. */
  readonly number: number
}

export interface AuditStore {
  /** Keeps what an audit (the number of its entity) has found. An object that it has found before stays as it was found. */
  addFindings(auditNo: number, findings: readonly AuditFinding[]): Promise<void>
  /** Which of these objects are findings of the audit. */
  found(auditNo: number, objectIds: readonly string[]): Promise<ReadonlySet<string>>
  /** The findings of an audit in the order of their numbers, after `afterNumber`. */
  findings(auditNo: number, afterNumber: number, limit: number): Promise<readonly NumberedFinding[]>
  countFindings(auditNo: number): Promise<Readonly<Record<AuditFindingKind, number>>>
  deleteFindings(auditNo: number): Promise<void>
}

// --- API clients and sandboxes ---

export interface ApiClient {
  readonly clientId: string
  /** `scrypt$<salt>$<hash>`, base64url. */
  readonly secretHash: string
  readonly orgId: string
  /** ms since the epoch. */
  readonly createdAt: number
}

export interface ClientStore {
  getClient(clientId: string): Promise<ApiClient | null>
  countClients(): Promise<number>
  insertClient(client: ApiClient): Promise<void>
  /** The sandbox of that name, or null. */
  getSandbox(orgId: string, name: string): Promise<Tenant | null>
  /** Creates the sandbox unless it exists; returns the stored one. */
  ensureSandbox(tenant: Tenant): Promise<Tenant>
}

// --- settings: small facts about the store itself, for example the check value of the encryption key ---

export interface SettingStore {
  get(name: string): Promise<string | null>
  set(name: string, value: string): Promise<void>
}
