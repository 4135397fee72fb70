import type { BodyFault, ErrorCode } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { Logger } from '../logger.ts'
import type { SubscriptionSetups } from './subscription-setup.ts'
import type { WebhookNotification, WebhookReceiver } from './webhook.ts'

/**
 * The contract of a source plugin. A plugin is small and plain: it names its resources, reads one page per call and says
 * by its errors what the host should do. Paging, retries, checkpoints, ordering and cancellation are the host's.
 */
export interface SourcePlugin {
  /** The connection spec, the source of truth for auth parameters and source parameters. */
  readonly connectionSpec: JsonObject & { readonly id: string; readonly name: string }
  /** The resource paths in the order in which they are listed. */
  readonly resources: readonly SourceResource[]
  /** Its records are objects as Stripe sends them, so that datasets can be searched for them. @defaultValue false */
  readonly isSearchable?: boolean
  /** Takes the notifications that the source sends. Absent: it sends none. */
  readonly webhooks?: WebhookReceiver
  /**
   * The resource that a source connection's `params` name, for a plugin whose resources depend on them; undefined when
   * they name none. Absent: the one of `resources` at `params.resourcePath`.
   */
  resourceOf?(params: JsonObject): SourceResource | undefined
  /** Absent: the source sets up no subscriptions. */
  readonly subscriptionSetups?: SubscriptionSetups
  /**
   * What is wrong with a source connection's `params` that the spec's source schema cannot tell; their paths start at
   * `params`. Called for parameters that the schema accepts, those of a draft included, which may lack some.
   */
  checkParams?(params: JsonObject): readonly BodyFault[]
  /**
   * Called for every test, explore and run; makes no request by itself. `auth` has passed the spec's auth schema,
   * `params` (a source connection's, or what explore was given) the spec's source schema.
   */
  connect(auth: JsonObject, params: JsonObject, context: PluginContext): Source
}

export interface PluginContext {
  readonly logger: Logger
  /**
   * Names whoever reads, for example a run. A source that shares a budget between readers shares it fairly between
   * owners. Absent: an owner of its own.
   */
  readonly owner?: string
  /** Told of every request that the source sends. */
  readonly observer?: SourceObserver
  /**
   * Changes the connection's auth parameters, one caller at a time. `renew` gets those stored now, which another run may
   * have renewed, and returns what changes, or null to leave them. Resolves with the parameters that count from then on,
   * after they are stored, secrets sealed. Absent while the connection itself is not stored.
   */
  readonly renewAuth?: (renew: (stored: JsonObject) => Promise<JsonObject | null>) => Promise<JsonObject>
}

/** Told what a source sends, for progress and metrics. */
export interface SourceObserver {
  requestSent(): void
  /** @param reason - the source's word for the limit that was hit, for example `endpoint-rate` */
  rateLimited(reason: string): void
}

/** What the host must know about a resource before it reads it. */
export interface SourceResource {
  readonly resourcePath: string
  /**
   * The list passes that together show every object, for example one for active and one for inactive prices.
   * The host reads each pass to its end.
   */
  readonly passes: readonly string[]
  /**
   * Those of `passes` that need a permission of another resource. When the source refuses one, the run goes on without
   * it and says so, and the flow's next run reads it from the flow's beginning.
   */
  readonly optionalPasses?: readonly string[]
  /**
   * Lists come newest first by creation and filter on it to the second, so a window may be cut into ranges that are read
   * side by side. Its records carry `createdAt`.
   */
  readonly divisible?: boolean
  /** The source deletes such objects for good: one that it no longer knows was deleted. */
  readonly deletable?: boolean
  /** Present when the source announces changes and deletions of objects; see `Source.readChanges`. */
  readonly changeFeed?: ChangeFeedRules
  /**
   * How late an object may become visible, in seconds. The host re-reads this much before the end of the last good
   * window; what is unchanged is not delivered again.
   */
  readonly overlapSeconds: number
  /** Present when the connection's `params` select some of the resource's objects. */
  readonly selection?: SelectionRules
  /** JSON Schema of a record in source form, used when the account has no object to infer one from. */
  readonly builtInSchema: JsonObject
  /** JSON Schema of a record that is used instead of inference, whatever the account holds. */
  readonly declaredSchema?: JsonObject
}

/**
 * The passes show the selected objects, as an index has them that may be behind. So the host reads by its id, before the
 * passes, whatever changed in the time that may be missing there, and dates what the passes show back by that time. An
 * object that is not selected is taken only when the dataset holds it: it keeps the object with its newest state.
 */
export interface SelectionRules {
  /** How far behind the index may be, in seconds. */
  readonly lagSeconds: number
  /** What the reader of a run's metrics must know of it. */
  readonly note: string
}

export interface ChangeFeedRules {
  /** How far back the feed reaches, in seconds. */
  readonly horizonSeconds: number
  /** How late a change may show up in the feed, in seconds: so much is read again before the newest one known. */
  readonly overlapSeconds: number
}

export interface Source {
  /** The version of the source's API in which it renders its objects; kept with the batch. Absent when it has none. */
  readonly apiVersion?: string
  /** Proves the credential by one small read. Throws `FatalSourceError` when it is refused. */
  check(signal: AbortSignal): Promise<void>
  /**
   * Reads one page, newest first. Depends only on the request, so the host may call it again after any failure.
   * Throws `FatalSourceError` (the run fails at once) or `RetriableSourceError` (the host waits and calls again).
   */
  readPage(request: ReadPageRequest): Promise<Page>
  /** How many requests at once it can make use of now, at least 1. Absent: 1. */
  readonly parallelism?: () => number
  /**
   * Reads one page of the change feed of a resource, newest first. An entry only names objects; their state is read by
   * `readObject`. Both are there when a resource has a change feed, and throw like `readPage`.
   */
  readChanges?(request: ReadChangesRequest): Promise<ChangePage>
  /** Reads one object anew, in the same form as `readPage`. */
  readObject?(request: ReadObjectRequest): Promise<ObjectReading>
  /**
   * What a notification names that the plugin's `webhooks` has taken, as `readChanges` would tell it. There with
   * `readObject`; throws like `readPage`.
   */
  readNotification?(request: ReadNotificationRequest): Promise<NamedObjects>
  /** One page of the notifications that were not delivered, newest first. Absent: the source cannot tell. Throws like `readPage`. */
  readUndelivered?(request: ReadUndeliveredRequest): Promise<UndeliveredPage>
  /** Estimates the first run of a resource. Absent: the source cannot tell. Throws like `readPage`. */
  estimate?(request: EstimateRequest): Promise<SourceEstimate>
}

export interface EstimateRequest {
  readonly resourcePath: string
  readonly window: CreatedWindow
  readonly signal: AbortSignal
}

/** What a first run of a resource takes, told before it. */
export interface SourceEstimate {
  /** Whether the credential may read each resource, in the order of the plugin's table, and the change feed. */
  readonly permissions: readonly SourcePermission[]
  /** Records in the window, zero when the resource itself is refused. */
  readonly rows: number
  /** True when `rows` was counted, not estimated. */
  readonly exact: boolean
  /** Requests that the run will send. */
  readonly requests: number
  /** Seconds at the rate that the budget allows and the latency seen. */
  readonly seconds: number
  /** Requests that making this estimate took, at most 20. */
  readonly calls: number
}

export interface SourcePermission {
  /** A resource path, or the name of what else a run reads, for example `events`. */
  readonly resourcePath: string
  readonly granted: boolean
  /** The missing permission by the source's name, for example `rak_charge_read`; null when granted or not told. */
  readonly missing: string | null
}

export interface ReadChangesRequest {
  readonly resourcePath: string
  /** By the time at which the change happened. */
  readonly window: CreatedWindow
  /** Null for the first page of the window. */
  readonly cursor: Cursor | null
  /** At most this many changes, 1..100. */
  readonly limit: number
  readonly signal: AbortSignal
}

export interface ChangePage {
  readonly changes: readonly Change[]
  /** Null on the last page of the window. */
  readonly nextCursor: Cursor | null
}

/** An entry of a change feed. */
export interface Change extends NamedObjects {
  /** The entry's own id; the same entry always has the same. */
  readonly changeId: string
  /** The source's word for what has happened, for example `customer.subscription.updated`; kept with what is read then. */
  readonly type?: string
  /** Unix seconds. */
  readonly createdAt: number
  /** An optional pass that shows objects which the entry concerns too, and which the source has refused to name. */
  readonly refusedPass?: string
}

/** The objects of a resource that something concerns. */
export interface NamedObjects {
  /** The objects of the resource that it concerns: itself, or the parents of a child that changed. */
  readonly objectIds: readonly string[]
  /**
   * List passes that show further objects which it concerns, for a change of something that many objects hold. Not among
   * the resource's `passes`; the host reads them like these.
   */
  readonly listPasses?: readonly string[]
}

export interface ReadNotificationRequest {
  readonly resourcePath: string
  /** As the plugin's `webhooks` has made it. */
  readonly body: JsonObject
  readonly signal: AbortSignal
}

export interface ReadUndeliveredRequest {
  /** By the time at which they happened. */
  readonly window: CreatedWindow
  /** Null for the first page of the window. */
  readonly cursor: Cursor | null
  /** At most this many, 1..100. */
  readonly limit: number
  readonly signal: AbortSignal
}

export interface UndeliveredPage {
  readonly notifications: readonly WebhookNotification[]
  /** Null on the last page of the window. */
  readonly nextCursor: Cursor | null
}

export interface ReadObjectRequest {
  readonly resourcePath: string
  readonly id: string
  /** As for a page. */
  readonly onSent?: () => void
  readonly signal: AbortSignal
}

/** `deleted`: the source knows that it was deleted. `unknown`: the source does not know the id. */
export type ObjectReading =
  | { readonly state: 'present'; readonly record: SourceRecord }
  | { readonly state: 'deleted' }
  | { readonly state: 'unknown' }

/** Opaque position inside a window; stored in the checkpoint with the page that it came from. */
export type Cursor = string

export interface ReadPageRequest {
  readonly resourcePath: string
  readonly pass: string
  readonly window: CreatedWindow
  /** Null for the first page of the window. */
  readonly cursor: Cursor | null
  /** At most this many records, 1..100. */
  readonly limit: number
  /**
   * To be called when the first request for it is really sent, which may be long after it was asked for: a version is dated
   * by that moment.
   */
  readonly onSent?: () => void
  readonly signal: AbortSignal
}

/** Creation times in Unix seconds; null means unbounded. */
export interface CreatedWindow {
  /** Inclusive. */
  readonly from: number | null
  /** Exclusive. */
  readonly to: number | null
}

export interface Page {
  readonly records: readonly SourceRecord[]
  /** Null on the last page of the window. */
  readonly nextCursor: Cursor | null
  /** Objects that the source showed although the `params` do not select them; they are not among the records. */
  readonly dropped?: number
  /** The list is read again as it may have moved: what the run has seen is not counted nor refused a second time. */
  readonly isReread?: boolean
  /** What whoever relies on the run must know, one sentence or more; it goes into the run's metrics. */
  readonly note?: string
}

/** One object of the source. */
export interface SourceRecord {
  /** Null when the source declares no id. */
  readonly id: string | null
  /** The record in source form, for Stripe `{"data": {<the object as Stripe sent it>}}`. */
  readonly record: JsonObject
  /** Creation in Unix seconds; absent or null when the source does not tell. */
  readonly createdAt?: number | null
  /**
   * When the object will have changed without the source announcing it, Unix seconds: from then on the host reads it
   * again. Absent or null: never.
   */
  readonly revisitAt?: number | null
  /** False when the `params` of a resource with `selection` do not select the object. @defaultValue true */
  readonly isSelected?: boolean
}

/** The source refused in a way that repeating does not mend: bad credential, missing permission, bad request. */
export class FatalSourceError extends Error {
  /** `credential`: no request with it can work. `permission`: this resource is closed to it. `request`: anything else. */
  readonly reason: 'credential' | 'permission' | 'request'
  /** HTTP status of the source. */
  readonly status: number | undefined
  /** What the API answers instead of 1100-400, for a fault of the spec or the parameters rather than of the source. */
  readonly code: ErrorCode | undefined

  constructor(
    reason: 'credential' | 'permission' | 'request',
    message: string,
    options: { status?: number; code?: ErrorCode; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.name = 'FatalSourceError'
    this.reason = reason
    this.status = options.status
    this.code = options.code
  }
}

/** The source may answer later: the host backs off and calls again. */
export class RetriableSourceError extends Error {
  /** `rate`: too many requests. `unavailable`: no usable answer. */
  readonly reason: 'rate' | 'unavailable'
  /** The source's own wish, in milliseconds. */
  readonly retryAfterMs: number | undefined

  constructor(
    reason: 'rate' | 'unavailable',
    message: string,
    options: { retryAfterMs?: number; cause?: unknown } = {},
  ) {
    super(message, { cause: options.cause })
    this.name = 'RetriableSourceError'
    this.reason = reason
    this.retryAfterMs = options.retryAfterMs
  }
}
