/**
 * The documents of Flow Service, in their wire form.
 *
 * - connection spec: description of a source or target type, with a fixed id
 * - base connection: credentials for one account
 * - source connection: base connection + resource path + format
 * - target connection: where data lands: a dataset
 * - flow spec: what a flow may join, transform and schedule
 * - flow: source + target + mapping + schedule
 * - run: one execution of a flow over one window
 * - activity: a step of a run, `copyActivity` or `promotionActivity`
 * - resource path: which collection of the source, `charges` ... `prices`
 * - page: one answer of the source; batch: records stored together
 * - cursor: opaque position inside a window; checkpoint: durable window + cursors after a stored page
 * - position: end of a flow's last good window
 * - dataset, record: stored result, one source object
 *
 * Times are milliseconds since the epoch unless a comment says seconds.
 */
import type { JsonObject, JsonValue } from '../json.ts'
import type { RunStatus } from '../store/store.ts'

export interface SpecReference extends JsonObject {
  readonly id: string
  readonly version: string
}

/** On every entity. */
export interface CommonFields extends JsonObject {
  readonly id: string
  readonly createdAt: number
  readonly updatedAt: number
  readonly createdBy: string
  readonly updatedBy: string
  readonly createdClient: string
  readonly updatedClient: string
  readonly imsOrgId: string
  readonly sandboxId: string
  readonly sandboxName: string
  /** Holds its own double quotes. */
  readonly etag: string
}

export interface NamedFields extends CommonFields {
  readonly name: string
  readonly description?: string
  readonly state: 'enabled' | 'disabled' | 'draft'
  /** Repeats the etag. */
  readonly version: string
}

export interface BaseConnection extends NamedFields {
  readonly connectionSpec: SpecReference
  /** Secret parameters are masked; the real values are in the entity's `secrets`. Absent on an empty draft. */
  readonly auth?: Auth
}

export interface Auth extends JsonObject {
  readonly specName: string
  readonly params: JsonObject
}

export interface SourceConnection extends NamedFields {
  readonly baseConnectionId: string
  readonly connectionSpec: SpecReference
  readonly data: JsonObject
  readonly params: JsonObject
  readonly inheritedAttributes: JsonObject
}

export interface TargetConnection extends NamedFields {
  readonly baseConnectionId?: string
  readonly connectionSpec: SpecReference
  readonly data: JsonObject
  readonly params: JsonObject
}

export interface Flow extends NamedFields {
  readonly flowSpec: SpecReference
  readonly sourceConnectionIds: readonly string[]
  readonly targetConnectionIds: readonly string[]
  readonly inheritedAttributes: JsonObject
  /** As posted, verbatim: numbers may be strings. `parseSchedule` reads it. Absent on a draft without one. */
  readonly scheduleParams?: JsonObject
  /** As posted, verbatim; `[]` when none. */
  readonly transformations: readonly JsonValue[]
  readonly options?: JsonObject
  readonly runs: string
  readonly lastOperation: JsonObject
  /** Absent before the first run. */
  readonly lastRunDetails?: LastRunDetails
}

export interface LastRunDetails extends JsonObject {
  readonly id: string
  readonly state: RunStatus
  readonly startedAtUTC?: number
  readonly completedAtUTC?: number
}

export interface Run extends CommonFields {
  readonly flowId: string
  readonly flowSpec: SpecReference
  /** Same value as `etag`: the documentation spells it both ways. */
  readonly eTag: string
  readonly providerRefId: string
  /** As posted, verbatim. */
  readonly params: JsonObject
  readonly metrics: JsonObject
  readonly activities: readonly JsonObject[]
}
