import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import {
  PAGINATION_TYPES,
  type EndCondition,
  type PageRule,
  type Pagination,
  type PaginationType,
} from './pagination.ts'
import { text, type SpecReader } from './spec-reader.ts'

const DEFAULT_MAXIMUM_REQUEST = 10_000
const DEFAULT_MAXIMUM_REREADS = 3

/** Members that a type cannot do without; of several spellings any one. */
const NEEDED: Readonly<Record<PaginationType, readonly (readonly string[])[]>> = {
  OFFSET: [['limitName'], ['limitValue'], ['offSetName', 'offsetName']],
  POINTER: [['limitName'], ['limitValue'], ['pointerPath', 'pointerName']],
  CONTINUATION_TOKEN: [['continuationTokenPath'], ['parameterType'], ['parameterName']],
  PAGE: [['pageParamName']],
  NONE: [],
}

/** Reads `paginationParams` in any of the documented spellings; what is missing is 1316-400. */
export function parsePagination(reader: SpecReader, value: JsonValue | undefined, path: string): Pagination {
  const params: JsonObject = isJsonObject(value) ? value : {}
  const spelled = scalar(params['type'])?.toUpperCase()
  const type = PAGINATION_TYPES.find((candidate) => candidate === spelled)
  if (type === undefined) {
    const found = spelled === undefined ? 'is missing' : `"${spelled.slice(0, 40)}" is not known`
    const code = spelled === undefined ? '1316-400' : '1312-400'
    reader.fault(code, `${path}/type`, `${found}; give one of ${PAGINATION_TYPES.join(', ')}`)
    return { ...NO_PAGINATION }
  }
  const given = (names: readonly string[]): string | undefined =>
    names.map((name) => scalar(params[name])).find((found) => found !== undefined)
  for (const names of NEEDED[type]) {
    if (given(names) === undefined) reader.fault('1316-400', `${path}/${names[0]}`, `is missing; ${type} needs it`)
  }
  const limitName = given(['limitName'])
  const limitValue = given(['limitValue'])
  return {
    type,
    limit: limitName === undefined || limitValue === undefined ? null : { name: limitName, value: limitValue },
    end: parseEnd(reader, params, path),
    delayMs: Number(given(['delayRequestMillis']) ?? 0),
    offsetName: given(['offSetName', 'offsetName']) ?? '',
    pointerPath: reader.path(given(['pointerPath', 'pointerName']), `${path}/pointerPath`),
    token: type === 'CONTINUATION_TOKEN' ? parseToken(reader, params, path) : null,
    page: type === 'PAGE' ? parsePage(reader, params, path) : null,
    maximumRereads: isAddressed(type) ? Number(given(['maximumRereads']) ?? DEFAULT_MAXIMUM_REREADS) : 0,
  }
}

const NO_PAGINATION: Pagination = {
  type: 'NONE',
  limit: null,
  end: null,
  delayMs: 0,
  offsetName: '',
  pointerPath: null,
  token: null,
  page: null,
  maximumRereads: 0,
}

/** Pages are addressed by their place in the list, so they move when it does. */
function isAddressed(type: PaginationType): boolean {
  return type === 'OFFSET' || type === 'PAGE'
}

function parseToken(reader: SpecReader, params: JsonObject, path: string): Pagination['token'] {
  const parameterType = scalar(params['parameterType'])?.toUpperCase()
  if (parameterType !== undefined && parameterType !== 'QUERYPARAM' && parameterType !== 'HEADERPARAM') {
    reader.fault('1312-400', `${path}/parameterType`, 'must be QUERYPARAM or HEADERPARAM')
  }
  const tokenPath = reader.path(params['continuationTokenPath'], `${path}/continuationTokenPath`)
  const name = scalar(params['parameterName']) ?? ''
  return tokenPath && { path: tokenPath, in: parameterType === 'HEADERPARAM' ? 'HEADERPARAM' : 'QUERYPARAM', name }
}

function parsePage(reader: SpecReader, params: JsonObject, path: string): PageRule {
  const last = scalar(params['endPageIndex'])
  const header = /^headers\.(.+)$/i.exec(last ?? '')?.[1]
  if (last !== undefined && header === undefined && !/^\d+$/.test(last)) {
    reader.fault('1312-400', `${path}/endPageIndex`, 'must be a whole number or headers.<name>')
  }
  return {
    name: scalar(params['pageParamName']) ?? '',
    first: Number(scalar(params['initialPageIndex']) ?? 0),
    last: header === undefined ? (last === undefined ? null : Number(last)) : { header: header.toLowerCase() },
    maximumRequest: Number(scalar(params['maximumRequest']) ?? DEFAULT_MAXIMUM_REQUEST),
  }
}

function parseEnd(reader: SpecReader, params: JsonObject, path: string): EndCondition | null {
  const condition = reader.path(params['endConditionName'], `${path}/endConditionName`)
  if (condition === null) return null
  const value = params['endConditionValue']
  if (value === undefined) {
    reader.fault('1316-400', `${path}/endConditionValue`, 'is missing; endConditionName needs it')
  }
  return { path: condition, value: literal(value ?? null) }
}

/** `Const:false` is the literal false; a text without `Const:` stands for itself. */
function literal(value: JsonValue): JsonValue {
  if (typeof value !== 'string' || !value.startsWith('Const:')) return value
  const written = value.slice('Const:'.length)
  return ['true', 'false', 'null'].includes(written) ? (JSON.parse(written) as JsonValue) : written
}

/** A text or number as text; undefined when blank or anything else. */
function scalar(value: JsonValue | undefined): string | undefined {
  return typeof value === 'number' ? String(value) : text(value)
}
