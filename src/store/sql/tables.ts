import type { Generated, Kysely } from 'kysely'
import type { AuditFindingKind, EntityKind, RecordOperation, RunStatus, WebhookOrigin } from '../store.ts'
import type { SetupState } from '../subscription-setups.ts'

/** The tables as the newest migration leaves them. Times are milliseconds since the epoch, flags are 0 or 1. */
export interface Tables {
  entities: EntityTable
  entity_references: EntityReferenceTable
  flow_progress: FlowProgressTable
  run_states: RunStateTable
  record_sets: RecordSetTable
  record_set_runs: RecordSetRunTable
  objects: ObjectTable
  deliveries: DeliveryTable
  delivery_causes: DeliveryCauseTable
  refused_records: RefusedRecordTable
  page_ends: PageEndTable
  audit_findings: AuditFindingTable
  search_segments: SearchSegmentTable
  search_terms: SearchTermTable
  subscription_setups: SubscriptionSetupTable
  subscription_setup_objects: SubscriptionSetupObjectTable
  webhook_events: WebhookEventTable
  webhook_positions: WebhookPositionTable
  api_clients: ApiClientTable
  sandboxes: SandboxTable
  settings: SettingTable
}

export type Database = Kysely<Tables>

export interface EntityTable {
  no: Generated<number>
  kind: EntityKind
  id: string
  org_id: string
  sandbox_name: string
  etag: string
  /** JSON text. */
  document: string
  /** JSON text. */
  secrets: string
  /** From here on copies of members of the document, see `entity-columns.ts`. */
  state: string | null
  parent_id: string | null
  created_at: number
  updated_at: number
}

export interface EntityReferenceTable {
  from_no: number
  to_id: string
}

export interface FlowProgressTable {
  flow_no: number
  next_due_at: number | null
  position: number | null
  change_position: string | null
  /** Unix seconds. */
  newest_created: number | null
  /** JSON text. */
  left_out_passes: string | null
}

export interface RunStateTable {
  run_no: number
  flow_no: number
  status: RunStatus
  not_before: number
  last_sequence: number
  checkpoint: string | null
}

/** The places that runs write to: one row for each resource of a connection spec in a dataset. */
export interface RecordSetTable {
  no: Generated<number>
  data_set_no: number
  connection_spec_id: string
  resource_path: string
}

/** Which runs wrote to a record set; tells what to remove with a dataset. */
export interface RecordSetRunTable {
  record_set_no: number
  run_no: number
  /** The oldest observation that the run has delivered; null for a run that began before this was kept. */
  first_observed_at: number | null
  /** Deliveries up to this one are in the search index; null once the run has ended well and all of them are. */
  indexed_sequence: Generated<number | null>
}

/**
 * The newest version of every object. Its body is the delivery (`run_no`, `sequence`); sequence 0 is the tombstone of an object
 * that was never delivered.
 */
export interface ObjectTable {
  data_set_no: number
  object_id: string
  record_set_no: number
  run_no: number
  sequence: number
  content_hash: string | null
  /** The newest observation, also when it brought nothing new. */
  observed_at: number
  deleted: number
  /** Unix seconds. */
  created_at: number | null
  /** Unix seconds. */
  revisit_at: number | null
}

/** Append-only. */
export interface DeliveryTable {
  run_no: number
  sequence: number
  record_set_no: number
  object_id: string | null
  operation: RecordOperation
  observed_at: number
  body: string | null
  mapped: string | null
  /** The version that this one replaced: a delivery of another run, or null. */
  replaced_run_no: number | null
  replaced_sequence: number | null
}

/** The event because of which a delivery was read; most have none. */
export interface DeliveryCauseTable {
  run_no: number
  sequence: number
  event_id: string
  event_type: string
  event_created_at: number
}

export interface RefusedRecordTable {
  run_no: number
  number: number
  object_id: string | null
  body: string
  reasons: string
}

export interface PageEndTable {
  run_no: number
  after_sequence: number
  page_limit: number
  end_sequence: number
}

export interface AuditFindingTable {
  audit_no: number
  number: number
  kind: AuditFindingKind
  object_id: string
}

/**
 * A part of the search index: deliveries of a run, or, where `run_no` is 0, whatever came in small numbers. Not complete
 * while `last_sequence` is null.
 */
export interface SearchSegmentTable {
  no: Generated<number>
  record_set_no: number
  run_no: number
  first_sequence: number
  last_sequence: number | null
}

export interface SearchTermTable {
  segment_no: number
  term: number
  object_id: string
}

export interface SubscriptionSetupTable {
  no: Generated<number>
  id: string
  org_id: string
  sandbox_name: string
  connection_id: string
  client_key: string | null
  state: SetupState
  /** JSON text. */
  request: string
  /** JSON text. */
  progress: string
  due_at: number | null
  created_at: number
  updated_at: number
}

export interface SubscriptionSetupObjectTable {
  connection_id: string
  object_id: string
  setup_no: number
}

/** Append-only but for what is old. An entry that is replayed gets a new number. */
export interface WebhookEventTable {
  no: Generated<number>
  connection_no: number
  key: string
  type: string
  subject_id: string | null
  occurred_at: number
  received_at: number
  origin: WebhookOrigin
  /** JSON text. */
  body: string
  /** JSON text. */
  answer: string | null
}

export interface WebhookPositionTable {
  flow_no: number
  position: number
}

export interface ApiClientTable {
  client_id: string
  secret_hash: string
  org_id: string
  created_at: number
}

export interface SandboxTable {
  org_id: string
  name: string
  sandbox_id: string
}

export interface SettingTable {
  name: string
  value: string
}
