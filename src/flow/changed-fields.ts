import { isJsonObject, type JsonValue } from '../json.ts'

/** A field whose value differs between two versions of a record. */
export interface ChangedField {
  /** JSON Pointer into the record. */
  readonly path: string
  /** Absent when the field was not there. */
  readonly old?: JsonValue
  /** Absent when the field is gone. */
  readonly new?: JsonValue
}

/** Deeper objects are compared as one value, so that no record can exhaust the stack. */
const MAX_DEPTH = 100

/**
 * What differs between two versions: of objects field by field, in the order of the newer version; an array stands there
 * whole, for its entries have no names to be matched by. The order of an object's keys is no difference.
 */
export function changedFields(before: JsonValue, after: JsonValue): readonly ChangedField[] {
  const changed: ChangedField[] = []
  compare(before, after, '', 0, changed)
  return changed
}

function compare(
  before: JsonValue | undefined,
  after: JsonValue | undefined,
  path: string,
  depth: number,
  changed: ChangedField[],
): void {
  if (isJsonObject(before) && isJsonObject(after) && depth < MAX_DEPTH) {
    for (const name of new Set([...Object.keys(after), ...Object.keys(before)])) {
      compare(before[name], after[name], `${path}/${escaped(name)}`, depth + 1, changed)
    }
    return
  }
  if (isSame(before, after, depth)) return
  changed.push({
    path,
    ...(before === undefined ? {} : { old: before }),
    ...(after === undefined ? {} : { new: after }),
  })
}

function isSame(left: JsonValue | undefined, right: JsonValue | undefined, depth: number): boolean {
  if (left === right) return true
  if (depth >= MAX_DEPTH) return JSON.stringify(left) === JSON.stringify(right)
  if (Array.isArray(left) && Array.isArray(right)) {
    return left.length === right.length && left.every((entry, index) => isSame(entry, right[index], depth + 1))
  }
  if (!isJsonObject(left) || !isJsonObject(right)) return false
  const names = new Set([...Object.keys(left), ...Object.keys(right)])
  return [...names].every((name) => isSame(left[name], right[name], depth + 1))
}

function escaped(name: string): string {
  return name.replaceAll('~', '~0').replaceAll('/', '~1')
}
