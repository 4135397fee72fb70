import { isJsonObject } from '../../json.ts'
import type { JsonObject, JsonValue } from '../../json.ts'
import { NUMERIC_LITERAL } from '../../store/query.ts'
import type { Comparison, ComparisonOperator, PathSegment } from '../../store/query.ts'

type Scalar = string | number | boolean

/** Evaluates a property filter in memory, by the rules that `Comparison` states; the store compiles the same to SQL. */
export function matches(document: JsonObject, { path, operator, values }: Comparison): boolean {
  const found = scalarsAt(document, path)
  if (found.length === 0) return false
  const ignoreCase = ['state', 'status'].includes(path.at(-1)?.name ?? '')
  const anyHolds = (held: ComparisonOperator) =>
    found.some((stored) => values.some((value) => holds(compare(stored, value, ignoreCase), held)))
  return operator === '!=' ? !anyHolds('==') : anyHolds(operator)
}

/** Everything that the path reaches; an array on the way stands for each of its elements. */
function scalarsAt(value: JsonValue | undefined, path: readonly PathSegment[]): readonly Scalar[] {
  if (Array.isArray(value)) return value.flatMap((element: JsonValue) => scalarsAt(element, path))
  const [segment, ...rest] = path
  if (segment === undefined) {
    return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean' ? [value] : []
  }
  return isJsonObject(value) && Object.hasOwn(value, segment.name) ? scalarsAt(value[segment.name], rest) : []
}

/** Below, at or above zero as `Array.sort` has it; NaN when the two cannot be compared. */
function compare(stored: Scalar, value: string, ignoreCase: boolean): number {
  if (typeof stored === 'number') return NUMERIC_LITERAL.test(value) ? stored - Number(value) : NaN
  const left = ignoreCase ? String(stored).toLowerCase() : String(stored)
  const right = ignoreCase ? value.toLowerCase() : value
  return left < right ? -1 : left > right ? 1 : 0
}

function holds(comparison: number, operator: ComparisonOperator): boolean {
  switch (operator) {
    case '==':
      return comparison === 0
    case '!=':
      return comparison !== 0
    case '>=':
      return comparison >= 0
    case '<=':
      return comparison <= 0
    case '>':
      return comparison > 0
    case '<':
      return comparison < 0
  }
}
