import type { Tenant } from './caller.ts'

/**
 * The one catalogue of error codes. A code is `NNNN-HHH`, HHH being the HTTP status. Two services of the documentation
 * use the numbers 1402 to 1404 and 1100 to 1104 for different things; the prefix of `type` tells them apart
 * (`FLOW` by default, `CONNECTOR` for the codes of the sources service).
 */
const CATALOGUE = {
  '1000-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1100-400': { title: 'Flow provider error' },
  '1304-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1305-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1307-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1312-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1313-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1314-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1315-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1316-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1317-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1319-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1320-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1321-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1325-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1327-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1353-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1358-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1359-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1360-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1361-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1362-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1363-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1364-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1365-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1366-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1368-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1372-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1381-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1382-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1386-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1387-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1388-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1389-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1397-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1398-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1399-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1402-400': { title: 'Operation not allowed' },
  '1403-400': { title: 'Header is missing' },
  '1404-400': { title: 'Bad Request', prefix: 'CONNECTOR' },
  '1405-400': { title: 'Request body is empty' },
  '1410-400': { title: 'State not allowed' },
  '1412-400': { title: 'Mapping version not valid' },
  '1413-400': { title: 'Spec id not valid' },
  '1414-400': { title: 'Connection spec change not allowed' },
  '1415-400': { title: 'Auth spec not valid' },
  '1416-400': { title: 'State not valid' },
  '1418-400': { title: 'Connection in use' },
  '1419-400': { title: 'Mapping not valid' },
  '1422-400': { title: 'Action not valid in this state' },
  '1425-400': { title: 'Schemas of mapping and dataset differ' },
  '1426-400': { title: 'Spec change not allowed' },
  '1427-400': { title: 'Run change not allowed' },
  '1430-400': { title: 'Flow not found' },
  '1432-400': { title: 'Order prefix not valid' },
  '1433-400': { title: 'Order field not valid' },
  '1434-400': { title: 'Patch operation not valid' },
  '1435-400': { title: 'Sub operation not valid' },
  '1436-400': { title: 'Sub operation not allowed' },
  '1439-400': { title: 'Referenced resource not found' },
  '1440-400': { title: 'Operator not valid' },
  '1443-400': { title: 'Too many values' },
  '1446-400': { title: 'Flow id is empty' },
  '1447-400': { title: 'Connection in use' },
  '1448-400': { title: 'Operator not valid for this property' },
  '1450-400': { title: 'Property filter not valid' },
  '1452-400': { title: 'Parameter value not valid' },
  '1453-400': { title: 'Parameter value is empty' },
  '1455-400': { title: 'Patch path not found' },
  '2111-403': { title: 'Sandbox access denied' },
  '1101-404': { title: 'Resource not found' },
  '2100-404': { title: 'Sandbox not found' },
  '1000-405': { title: 'Method not allowed' },
  '1404-412': { title: 'Version not matching' },
  '1000-413': { title: 'Request body too large', prefix: 'CONNECTOR' },
  '1004-415': { title: 'Unsupported Media Type', prefix: 'CONNECTOR' },
  '1000-416': { title: 'Range Not Satisfiable', prefix: 'CONNECTOR' },
  '1102-500': { title: 'Internal server error' },
  '1103-503': { title: 'Temporarily unavailable' },
  '1104-504': { title: 'Upstream timeout' },
} as const satisfies Record<string, { title: string; prefix?: 'CONNECTOR' }>

export type ErrorCode = keyof typeof CATALOGUE

/** One fault of a request body. `path` is a JSON Pointer, empty for the whole body. */
export interface BodyFault {
  readonly path: string
  readonly message: string
}

export interface FlowServiceErrorOptions {
  /** Every fault of the body when there are several; the error itself speaks of the first. */
  readonly faults?: readonly BodyFault[]
  /** Sent as `Retry-After`, in seconds. */
  readonly retryAfterSeconds?: number
  /** For 1403-400, whose number stands for a missing `If-Match` (FLOW) and for a schedule fault (CONNECTOR). */
  readonly prefix?: 'FLOW' | 'CONNECTOR'
  /** What is known of the tenant when the error comes before the caller is known. */
  readonly tenant?: Partial<Tenant>
  readonly cause?: unknown
}

/**
 * The only error that services throw at a caller. `detail` is one sentence: what was found, why it is refused and what to
 * do; it never holds a secret. `http/problem.ts` turns it into an answer.
 */
export class FlowServiceError extends Error {
  readonly code: ErrorCode
  readonly detail: string
  readonly faults: readonly BodyFault[]
  readonly retryAfterSeconds: number | undefined
  readonly tenant: Partial<Tenant> | undefined
  readonly #prefix: string | undefined

  constructor(code: ErrorCode, detail: string, options: FlowServiceErrorOptions = {}) {
    super(detail, { cause: options.cause })
    this.name = 'FlowServiceError'
    this.code = code
    this.detail = detail
    this.faults = options.faults ?? []
    this.retryAfterSeconds = options.retryAfterSeconds
    this.tenant = options.tenant
    this.#prefix = options.prefix
  }

  /** HTTP status, the last three digits of the code. */
  get status(): number {
    return Number(this.code.slice(-3))
  }

  get title(): string {
    return CATALOGUE[this.code].title
  }

  /** The `type` member of the answer. */
  get type(): string {
    const entry: { title: string; prefix?: string } = CATALOGUE[this.code]
    return `http://ns.adobe.com/aep/errors/${this.#prefix ?? entry.prefix ?? 'FLOW'}-${this.code}`
  }
}

/** The answer to an addressed entity that does not exist in the caller's organisation and sandbox. */
export function notFound(collection: string, id: string): FlowServiceError {
  return new FlowServiceError('1101-404', `${collection} not found with id = [${id}]`)
}
