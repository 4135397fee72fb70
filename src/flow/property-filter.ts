import { FlowServiceError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { Comparison, ComparisonOperator, PathSegment } from '../store/query.ts'
import { MAX_PATH_SEGMENTS, NUMERIC_LITERAL } from '../store/query.ts'

/** What the `property` parameters of a list ask for. */
export interface PropertyParameters {
  /** All of them must hold. */
  readonly filter: readonly Comparison[]
  /** Top-level members to answer, besides `id`; null for all. */
  readonly projection: readonly string[] | null
}

/** More than any sensible query needs; keeps the SQL that comes of it within the database's limits. */
const MAX_COMPARISONS = 100
const MAX_VALUES = 1000

/** In the order in which they are tried: the longer ones first. */
const OPERATORS: readonly (readonly [string, ComparisonOperator])[] = [
  ['==', '=='],
  ['!=', '!='],
  ['>=', '>='],
  ['<=', '<='],
  ['>', '>'],
  ['<', '<'],
  ['=', '=='],
]
const OPERATOR_LIST = '==, !=, >=, <=, > or <'

/** Members that hold numbers in every entity. */
const NUMERIC_MEMBER = /^(createdAt|updatedAt|windowStart|windowEnd)$|(AtUTC|Count|Bytes|Ms)$/
const PROJECTED_NAME = /^[\p{L}_$@][\p{L}\p{N}_$@-]*$/u

/**
 * Reads the `property` parameters of a list: each is a filter, `path operator value[,value...]`, or a projection,
 * `name[,name...]`. Empty ones count as absent.
 */
export function parsePropertyParameters(values: readonly string[]): PropertyParameters {
  const filter: Comparison[] = []
  let projection: string[] | null = null
  for (const value of values) {
    if (value.trim() === '') continue
    const at = value.search(/[=!<>~]/)
    if (at < 0) projection = [...(projection ?? []), ...parseProjection(value)]
    else filter.push(parseComparison(value, at))
  }
  const valueCount = filter.reduce((count, comparison) => count + comparison.values.length, 0)
  if (filter.length > MAX_COMPARISONS || valueCount > MAX_VALUES) {
    throw new FlowServiceError(
      valueCount > MAX_VALUES ? '1443-400' : '1450-400',
      `${filter.length} property filters with ${valueCount} values were sent, at most ${MAX_COMPARISONS} with ` +
        `${MAX_VALUES} values are taken: send fewer`,
    )
  }
  return { filter, projection: projection && [...new Set(projection)] }
}

/** The document with only the members that the projection names, and `id`. */
export function project(document: JsonObject, projection: readonly string[] | null): JsonObject {
  if (projection === null) return document
  return Object.fromEntries(Object.entries(document).filter(([name]) => name === 'id' || projection.includes(name)))
}

function parseComparison(parameter: string, at: number): Comparison {
  const [written, operator] = findOperator(parameter, at)
  const path = parsePath(parameter, parameter.slice(0, at))
  const values = parseValues(parameter, parameter.slice(at + written.length))
  checkValues(parameter, { path, operator, values })
  return { path, operator, values }
}

function findOperator(parameter: string, at: number): readonly [string, ComparisonOperator] {
  if (parameter[at] === '~') {
    throw new FlowServiceError('1440-400', `"${parameter}" uses the operator ~, which is not supported: use == or !=`)
  }
  const found = OPERATORS.find(([written]) => parameter.startsWith(written, at))
  if (!found) throw unknownOperator(parameter, parameter[at] ?? '')
  const next = parameter[at + found[0].length] ?? ''
  if ('=<>!~'.includes(next) && next !== '') throw unknownOperator(parameter, found[0] + next)
  return found
}

function unknownOperator(parameter: string, found: string): FlowServiceError {
  return new FlowServiceError(
    '1450-400',
    `"${parameter}" uses ${found}, which is no operator: write ${OPERATOR_LIST}, and put a value that begins with ` +
      'one of these signs in double quotes',
  )
}

function parsePath(parameter: string, text: string): readonly PathSegment[] {
  const segments = text.trim().split('.')
  if (segments.length > MAX_PATH_SEGMENTS) {
    throw new FlowServiceError(
      '1450-400',
      `The path of a property filter has ${segments.length} segments, at most ${MAX_PATH_SEGMENTS} are taken`,
    )
  }
  return segments.map((segment) => {
    const each = segment.endsWith('[]')
    const name = each ? segment.slice(0, -2) : segment
    if (name === '' || name !== name.trim() || /[[\]\p{Cc}]/u.test(name)) {
      throw new FlowServiceError(
        '1450-400',
        `"${parameter}" has no valid path before its operator: write member names joined by dots, ` +
          'with [] after the name of an array, for example params.columns[].name==id',
      )
    }
    return { name, each }
  })
}

function parseValues(parameter: string, text: string): readonly string[] {
  const values: string[] = []
  let rest = text
  for (;;) {
    const [taken = '', quoted, bare = ''] = /^\s*(?:"([^"]*)"\s*(?=,|$)|([^,]*))/.exec(rest) ?? []
    const value = quoted ?? bare.trim()
    if (value === '') {
      throw new FlowServiceError(
        '1453-400',
        `"${parameter}" has an empty value: write a value after the operator and after every comma, or leave the parameter out`,
      )
    }
    if (quoted === undefined && value.startsWith('"')) {
      throw new FlowServiceError(
        '1450-400',
        `"${parameter}" has a value whose double quotes do not enclose it: close them before the comma or the end`,
      )
    }
    values.push(value)
    if (taken.length === rest.length) return values
    rest = rest.slice(taken.length + 1)
  }
}

function checkValues(parameter: string, { path, operator, values }: Comparison): void {
  if (operator === '==' || operator === '!=') return
  if (values.length > 1) {
    throw new FlowServiceError(
      '1443-400',
      `"${parameter}" has ${values.length} values, but ${operator} compares with exactly one: write one value, in ` +
        'double quotes when it holds a comma',
    )
  }
  const member = path.at(-1)?.name ?? ''
  if (member === 'id') {
    throw new FlowServiceError(
      '1448-400',
      `"${parameter}" compares an id with ${operator}, but ids have no order: use == or !=`,
    )
  }
  const value = values[0] ?? ''
  if (NUMERIC_MEMBER.test(member) && !NUMERIC_LITERAL.test(value)) {
    throw new FlowServiceError(
      '1452-400',
      `"${parameter}" compares the number ${member} with "${value}", which is not a number: write a number, ` +
        'times as milliseconds since the epoch',
    )
  }
}

function parseProjection(parameter: string): string[] {
  const names = parameter.split(',').map((name) => name.trim())
  for (const name of names) {
    if (PROJECTED_NAME.test(name)) continue
    throw new FlowServiceError(
      '1450-400',
      `"${parameter}" is neither a filter nor a list of top-level members: write a path, one of ${OPERATOR_LIST} and ` +
        'a value, for example state==enabled, or member names joined by commas, for example id,name',
    )
  }
  return names
}
