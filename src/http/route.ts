import type { Readable } from 'node:stream'
import type { Caller } from '../caller.ts'

/** What a handler gets: parsed input, never Express's request. */
export interface ApiRequest {
  readonly caller: Caller
  /** Path parameters, percent-decoded. */
  readonly params: Readonly<Record<string, string>>
  /** Query parameters; an empty value or a literal `{{template}}` counts as absent and is not here. */
  readonly query: Readonly<Record<string, readonly string[]>>
  /** The parsed JSON body; undefined when none was sent. */
  readonly body: unknown
  /** `If-Match`, or the query parameter `if-match` when the header is absent; as sent, not normalised. */
  readonly ifMatch: string | undefined
  /** `Idempotency-Key`, as sent. */
  readonly idempotencyKey: string | undefined
  /** `Accept`, as sent. */
  readonly accept: string | undefined
  /** `Range`, as sent. */
  readonly range: string | undefined
  /** A HEAD request: only the headers of the answer count. */
  readonly headOnly: boolean
}

export interface ApiResponse {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  /** Sent as JSON. */
  readonly body?: unknown
  /** Ready-made JSON text, for answers whose parts are stored as JSON already. Sent instead of `body`. */
  readonly json?: string
  /** Sent as it is, instead of `body`; name its `Content-Type` in the headers. */
  readonly raw?: string | Uint8Array | Readable
}

/**
 * One row of the API. `app.ts` loops over the rows: it adds authentication, body parsing, the trailing slash, 405 with
 * `Allow` and the error answers. A new endpoint is one row and one handler.
 */
export interface Route {
  readonly method: 'GET' | 'POST' | 'PUT' | 'PATCH' | 'DELETE'
  /** Express path below the host's root, for example `/data/foundation/flowservice/connections/:id`. */
  readonly path: string
  readonly handler: (request: ApiRequest) => Promise<ApiResponse>
  /** `required`: an empty body is 1405-400. `optional`: may be absent. Absent: a body is ignored. */
  readonly body?: 'required' | 'optional'
}

/** A route without API headers: the token endpoint, probes, signed notifications. */
export interface PublicRoute {
  readonly method: Route['method']
  readonly path: string
  readonly handler: (request: PublicRequest) => Promise<ApiResponse>
}

export interface PublicRequest {
  /** Percent-decoded. */
  readonly params: Readonly<Record<string, string>>
  /** As in `ApiRequest`. */
  readonly query: Readonly<Record<string, readonly string[]>>
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string | readonly string[] | undefined>>
  readonly requestId: string
  /** The body as sent, to check a signature over. Throws 1000-413 when it is too large. */
  readBody(): Promise<Buffer>
}

export const FLOW_SERVICE = '/data/foundation/flowservice'
export const CATALOG = '/data/foundation/catalog'
export const SCHEMA_REGISTRY = '/data/foundation/schemaregistry'

/** The last value of a query parameter, or undefined. */
export function queryValue(request: ApiRequest, name: string): string | undefined {
  return request.query[name]?.at(-1)
}
