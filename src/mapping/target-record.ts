import type { JsonObject, JsonValue } from '../json.ts'
import type { PathSegment } from './language/syntax.ts'
import { setMember } from './language/values.ts'
import type { Value } from './language/values.ts'

type MutableObject = Record<string, JsonValue | undefined>
type MutableArray = (JsonValue | undefined)[]

/** Makes the value that is written at the end of a path; undefined to write nothing. */
export type MakeValue = (value: Value) => JsonValue | undefined

/** The row that mappings write into. Whatever is written is the row's own: it shares nothing with the source. */
export class TargetRecord {
  readonly #root: MutableObject = {}
  /** Arrays that were written element by element, and may have holes. */
  readonly #sparse = new Set<MutableArray>()

  /**
   * Writes a value at a path. Objects are merged member by member; anything else replaces what is there. `[*]` deals the
   * elements of an array out to the elements of the target.
   */
  write(path: readonly PathSegment[], value: Value, make: MakeValue): void {
    this.#writeInto(this.#root, path, 0, value, make)
  }

  /** Takes away what is at a path. A path with `[*]` takes the member out of all elements. */
  remove(path: readonly PathSegment[]): void {
    removeFrom(this.#root, path, 0)
  }

  /** The finished row. Elements that no mapping wrote are closed up. */
  finish(): JsonObject {
    for (const array of this.#sparse) {
      if (array.includes(undefined)) array.splice(0, array.length, ...array.filter((element) => element !== undefined))
    }
    return this.#root
  }

  #writeInto(
    owner: MutableObject | MutableArray,
    path: readonly PathSegment[],
    at: number,
    value: Value,
    make: MakeValue,
  ) {
    const segment = path[at] as PathSegment
    if (segment.kind === 'each') {
      const elements: readonly Value[] = Array.isArray(value) ? value : [value]
      elements.forEach((element, index) => {
        if (element !== null) this.#writeMember(owner, index, path, at, element, make)
      })
    } else {
      this.#writeMember(owner, segment.kind === 'member' ? segment.name : segment.index, path, at, value, make)
    }
  }

  #writeMember(
    owner: MutableObject | MutableArray,
    key: string | number,
    path: readonly PathSegment[],
    at: number,
    value: Value,
    make: MakeValue,
  ): void {
    const existing = memberAt(owner, key)
    const next = path[at + 1]
    if (next === undefined) {
      const made = make(value)
      if (made !== undefined) setAt(owner, key, merged(existing, made))
      return
    }
    const wantsArray = next.kind !== 'member'
    if (isContainer(existing) && Array.isArray(existing) === wantsArray) {
      this.#writeInto(existing, path, at + 1, value, make)
      return
    }
    const container: MutableObject | MutableArray = wantsArray ? [] : {}
    this.#writeInto(container, path, at + 1, value, make)
    // A refused value leaves no empty objects behind.
    if (Array.isArray(container)) {
      if (container.length === 0) return
      this.#sparse.add(container)
    } else if (Object.keys(container).length === 0) return
    setAt(owner, key, container as JsonValue)
  }
}

function isContainer(value: unknown): value is MutableObject | MutableArray {
  return typeof value === 'object' && value !== null
}

function memberAt(owner: MutableObject | MutableArray, key: string | number): unknown {
  return Object.hasOwn(owner, key) ? (owner as MutableObject)[key] : undefined
}

function setAt(owner: MutableObject | MutableArray, key: string | number, value: JsonValue): void {
  if (!Array.isArray(owner)) return setMember(owner, String(key), value)
  while (owner.length < Number(key)) owner.push(undefined)
  owner[Number(key)] = value
}

/** `incoming` with what `existing` has besides; `incoming` wins. Both belong to the row already. */
function merged(existing: unknown, incoming: JsonValue): JsonValue {
  if (!isContainer(existing) || Array.isArray(existing) || !isContainer(incoming) || Array.isArray(incoming)) {
    return incoming
  }
  for (const [name, value] of Object.entries(incoming)) {
    setMember(existing, name, merged(memberAt(existing, name), value as JsonValue))
  }
  return existing as JsonObject
}

function removeFrom(owner: unknown, path: readonly PathSegment[], at: number): void {
  const segment = path[at] as PathSegment
  if (!isContainer(owner)) return
  if (segment.kind === 'each') {
    if (!Array.isArray(owner)) return
    if (at === path.length - 1) owner.length = 0
    else for (const element of owner) removeFrom(element, path, at + 1)
    return
  }
  const key = segment.kind === 'member' ? segment.name : segment.index
  if (!Object.hasOwn(owner, key)) return
  if (at < path.length - 1) removeFrom(memberAt(owner, key), path, at + 1)
  else if (Array.isArray(owner)) owner[Number(key)] = undefined
  else delete owner[key]
}
