import type { Budget } from './budget.ts'
import type { PathSegment } from './syntax.ts'
import { isArrayValue, isObjectValue, memberOf } from './values.ts'
import type { Value } from './values.ts'

/** The value at a path; null where it does not exist. `[*]` makes an array with one entry for each element. */
export function valueAt(value: Value, segments: readonly PathSegment[], budget: Budget, from = 0): Value {
  let found = value
  for (let at = from; at < segments.length; at++) {
    if (found === null) return null
    const segment = segments[at] as PathSegment
    if (segment.kind === 'member') found = memberOf(found, segment.name)
    else if (!isArrayValue(found)) return null
    else if (segment.kind === 'element') found = elementOf(found, segment.index)
    else {
      budget.spend(found.length)
      return found.map((element) => valueAt(element, segments, budget, at + 1))
    }
  }
  return found
}

export function elementOf(array: readonly Value[], index: number): Value {
  return array[index < 0 ? array.length + index : index] ?? null
}

/** True when the path is there, a null at its end included. */
export function existsAt(value: Value, segments: readonly PathSegment[]): boolean {
  let found = value
  for (const segment of segments) {
    if (segment.kind === 'member') {
      if (!isObjectValue(found) || !Object.hasOwn(found, segment.name)) return false
      found = memberOf(found, segment.name)
    } else {
      const index = segment.kind === 'element' ? segment.index : 0
      if (!isArrayValue(found) || index >= found.length) return false
      found = elementOf(found, index)
    }
  }
  return true
}
