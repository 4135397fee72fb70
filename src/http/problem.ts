import type { Tenant } from '../caller.ts'
import { FlowServiceError } from '../errors.ts'
import { SchemaRegistryError } from '../registry/registry-error.ts'
import type { ApiResponse } from './route.ts'

/** What the gateway in front of the services answers; exactly two members, the code is text. */
const GATEWAY_ERRORS = {
  '400003': 'Missing header',
  '401013': 'Oauth token is not valid',
  '403000': 'Api Key is required',
  '403003': 'Api Key is invalid',
  '403010': 'Oauth token is missing.',
  '403025': 'Profile is not valid',
  '403027': 'User region is missing',
  '429050': 'Too many requests',
} as const

export type GatewayErrorCode = keyof typeof GATEWAY_ERRORS

/** A request that the gateway refuses. Its status is the first three digits of the code. */
export class GatewayError extends Error {
  readonly code: GatewayErrorCode
  /** Sent as `Retry-After`. */
  readonly retryAfterSeconds: number | undefined

  constructor(code: GatewayErrorCode, options: { retryAfterSeconds?: number } = {}) {
    super(GATEWAY_ERRORS[code])
    this.name = 'GatewayError'
    this.code = code
    this.retryAfterSeconds = options.retryAfterSeconds
  }

  get status(): number {
    return Number(this.code.slice(0, 3))
  }
}

export interface ProblemContext {
  readonly requestId: string
  /** Undefined when the request failed before its tenant was known. */
  readonly tenant: Tenant | undefined
  /** When a request to the Schema Registry failed, ms; undefined for requests to other services. */
  readonly registryFailedAt?: number | undefined
}

/** The answer for an error. Whatever is not meant for callers becomes a 500 without details. */
export function problemResponse(error: unknown, context: ProblemContext): ApiResponse {
  const known = asKnownError(error)
  const seconds = known instanceof SchemaRegistryError ? undefined : known.retryAfterSeconds
  const body =
    known instanceof GatewayError ? { error_code: known.code, message: known.message } : problemDocument(known, context)
  return {
    status: known.status,
    body,
    ...(seconds === undefined ? {} : { headers: { 'Retry-After': String(seconds) } }),
  }
}

/** True for an error that a caller may read; false for a fault of the host that belongs in the log. */
export function isExpected(error: unknown): boolean {
  if (error instanceof GatewayError || error instanceof SchemaRegistryError) return true
  return error instanceof FlowServiceError && error.status < 500
}

function asKnownError(error: unknown): GatewayError | FlowServiceError | SchemaRegistryError {
  if (error instanceof GatewayError || error instanceof FlowServiceError) return error
  if (error instanceof SchemaRegistryError) return error
  if (isStoreUnavailable(error)) {
    return new FlowServiceError('1103-503', 'The store cannot be written or read at the moment; try again shortly.', {
      retryAfterSeconds: 5,
      cause: error,
    })
  }
  return new FlowServiceError(
    '1102-500',
    'The request failed inside the host; its log says more under the request id.',
    {
      cause: error,
    },
  )
}

/** The union of the error shapes in Flow Service's documentation, so that every reader finds the member it knows. */
function problemDocument(error: FlowServiceError | SchemaRegistryError, context: ProblemContext): object {
  const { requestId, tenant, registryFailedAt } = context
  const isOfRegistry = error instanceof SchemaRegistryError
  const { orgId, sandboxName, sandboxId } = tenant ?? (isOfRegistry ? undefined : error.tenant) ?? {}
  const registryType = `http://ns.adobe.com/aep/errors/XDM-${error.code}`
  return {
    type: isOfRegistry || registryFailedAt !== undefined ? registryType : error.type,
    errorCode: error.code,
    title: error.title,
    status: error.status,
    detail: error.detail,
    message: error.detail,
    errorMessage: error.detail,
    errorDetails: error.detail,
    report: {
      requestId,
      tenantInfo: { sandboxName, sandboxId, imsOrgId: orgId },
      ...(error.faults.length > 0 ? { errors: error.faults } : {}),
      ...(registryFailedAt === undefined ? {} : registryReport(error, requestId, registryFailedAt)),
    },
  }
}

/** What the Schema Registry's errors report; the time as `MM-DD-YYYY HH:mm:ss`. */
function registryReport(
  { detail, faults }: FlowServiceError | SchemaRegistryError,
  requestId: string,
  at: number,
): object {
  const [year = '', month, day] = new Date(at).toISOString().slice(0, 10).split('-')
  return {
    registryRequestId: requestId,
    timestamp: `${month}-${day}-${year} ${new Date(at).toISOString().slice(11, 19)}`,
    'detailed-message': detail,
    'sub-errors': faults.slice(1).map(({ message }) => ({ detail: message })),
  }
}

/** SQLITE_BUSY, LOCKED, READONLY, IOERR, FULL and CANTOPEN: the disk or another process is in the way, not the request. */
const SQLITE_UNAVAILABLE = new Set([5, 6, 8, 10, 13, 14])
const SYSTEM_UNAVAILABLE = new Set(['ENOSPC', 'EDQUOT', 'EIO', 'EROFS', 'EMFILE', 'ENFILE'])

function isStoreUnavailable(error: unknown): boolean {
  for (let link = error, depth = 0; link instanceof Error && depth < 8; link = link.cause, depth++) {
    const { code, errcode } = link as { code?: unknown; errcode?: unknown }
    // An extended SQLite code keeps the primary one in its low byte.
    if (code === 'ERR_SQLITE_ERROR' && typeof errcode === 'number' && SQLITE_UNAVAILABLE.has(errcode & 0xff))
      return true
    if (typeof code === 'string' && SYSTEM_UNAVAILABLE.has(code)) return true
  }
  return false
}
