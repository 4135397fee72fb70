import type { PathSegment } from './language/syntax.ts'

/** What the mapper needs to know of a field of the target schema. A member that is absent leaves the field open. */
export interface TargetType {
  /** A JSON type; null or absent: any value. */
  readonly type?: string | null
  /** All types, when there are several. */
  readonly types?: readonly string[]
  /** Of a string: `date` and `date-time` are checked. */
  readonly format?: string
  readonly properties?: Readonly<Record<string, TargetType>>
  readonly items?: TargetType
  /** Of the members that `properties` does not define. */
  readonly additional?: TargetType
}

/** A field about which the schema says nothing more. */
export const OPEN_TYPE: TargetType = {}

/** The type of a member; undefined when the schema does not define it. */
export function memberType(type: TargetType, name: string): TargetType | undefined {
  const { properties, additional } = type
  if (properties !== undefined && Object.hasOwn(properties, name)) return properties[name]
  if (additional !== undefined) return additional
  const isOpen = type.type === undefined || type.type === null || type.type === 'object'
  return isOpen && (properties === undefined || Object.keys(properties).length === 0) ? OPEN_TYPE : undefined
}

/** The type at a path, or why the schema has none there. */
export function typeAtPath(
  root: TargetType,
  path: readonly PathSegment[],
): { readonly type: TargetType } | { readonly problem: string } {
  let type = root
  for (const segment of path) {
    if (segment.kind === 'member') {
      if (type.type === 'array')
        return { problem: 'names a member of an array in the schema; write an index or [*] before it' }
      const next = memberType(type, segment.name)
      if (next === undefined) return { problem: 'is not defined in the schema' }
      type = next
    } else {
      if (type.type !== 'array' && type.type !== undefined && type.type !== null) {
        return { problem: 'has an index where the schema has no array' }
      }
      type = type.items ?? OPEN_TYPE
    }
  }
  return { type }
}
