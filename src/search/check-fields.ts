import { SEARCHABLE_RESOURCES, searchableOf } from './fields.ts'
import type { FieldClass, FieldSpec } from './fields.ts'
import { clausesOf, nameOf, SearchQueryError } from './syntax.ts'
import type { SearchClause, SearchField, SearchOperator, SearchQuery } from './syntax.ts'
import { fold, isNumber, wordsOf } from './values.ts'

/** Clauses of one query. */
export const MAX_CLAUSES = 10
/** Characters that `~` needs. */
export const MIN_PART_LENGTH = 3

const RANGES: readonly SearchOperator[] = ['>', '<', '>=', '<=']
const ALLOWED: Readonly<Record<FieldClass, readonly SearchOperator[]>> = {
  token: [':'],
  string: [':', '~'],
  metadata: [':', '~'],
  numeric: [':', ...RANGES],
}

/**
 * Checks that a query can be asked about a resource: its fields exist there, support the operators and can have the
 * values, and there are not too many clauses.
 * @throws SearchQueryError at the position of the first fault
 */
export function checkFields(query: SearchQuery, resourcePath: string): void {
  const searchable = searchableOf(resourcePath)
  if (searchable === undefined) {
    throw new SearchQueryError(
      `${resourcePath} cannot be searched; these can be: ${SEARCHABLE_RESOURCES.join(', ')}`,
      0,
    )
  }
  const clauses = clausesOf(query)
  const surplus = clauses[MAX_CLAUSES]
  for (const clause of clauses.slice(0, MAX_CLAUSES)) {
    const spec = specOf(clause, resourcePath)
    checkOperator(clause, spec.class)
    checkValue(clause, spec)
  }
  if (surplus !== undefined) {
    throw new SearchQueryError(
      `the query has ${clauses.length} clauses; at most ${MAX_CLAUSES} are taken`,
      surplus.at.field,
    )
  }
}

interface Checkable {
  readonly class: FieldClass
  readonly values?: FieldSpec['values']
}

function specOf({ field, at }: SearchClause, resourcePath: string): Checkable {
  const { fields = {}, hasMetadata = false } = searchableOf(resourcePath) ?? {}
  if (field.kind === 'metadata' && hasMetadata) {
    if (field.key === '') throw new SearchQueryError('the key of the metadata is empty', at.field)
    return { class: 'metadata' }
  }
  if (field.kind === 'path' && Object.hasOwn(fields, field.name)) return fields[field.name] as FieldSpec
  if (field.kind === 'path' && field.name.split('.')[0] === 'metadata' && hasMetadata) {
    throw new SearchQueryError('metadata is asked for by key: metadata["key"]', at.field)
  }
  throw new SearchQueryError(unknown(field, resourcePath, Object.keys(fields), hasMetadata), at.field)
}

function unknown(field: SearchField, resourcePath: string, names: readonly string[], hasMetadata: boolean): string {
  const known = [...names, ...(hasMetadata ? ['metadata["key"]'] : [])].join(', ')
  return `${nameOf(field)} is no searchable field of ${resourcePath}; these are: ${known}`
}

function checkOperator({ field, operator, value, at }: SearchClause, fieldClass: FieldClass): void {
  if (!ALLOWED[fieldClass].includes(operator)) {
    throw new SearchQueryError(
      `"${operator}" is not supported by the ${fieldClass} field ${nameOf(field)}; supported: ${ALLOWED[fieldClass].join(' ')}`,
      at.operator,
    )
  }
  if (value === null && operator !== ':') {
    throw new SearchQueryError(`null can only be asked for with ":"`, at.value)
  }
}

function checkValue({ field, operator, value, at }: SearchClause, spec: Checkable): void {
  if (value === null) return
  const fault = faultOf(value, operator, spec)
  if (fault !== undefined) throw new SearchQueryError(`${nameOf(field)} ${fault}`, at.value)
}

function faultOf(value: string, operator: SearchOperator, spec: Checkable): string | undefined {
  if (spec.class === 'numeric') return isNumber(value) ? undefined : 'is compared with a number'
  if (operator === '~') {
    return [...value].length < MIN_PART_LENGTH ? `~ needs at least ${MIN_PART_LENGTH} characters` : undefined
  }
  if (spec.class === 'string' ? wordsOf(value).length === 0 : value === '')
    return 'is compared with an empty text; write null for what is absent'
  if (spec.values !== undefined && !spec.values.includes(fold(value))) {
    return `can only be ${spec.values.map((word) => `"${word}"`).join(', ')} or null`
  }
  return undefined
}
