/** The parsed form of the list parameters `property` and `orderby`; the store compiles it to SQL. */

export const COMPARISON_OPERATORS = ['==', '!=', '>=', '<=', '>', '<'] as const
export type ComparisonOperator = (typeof COMPARISON_OPERATORS)[number]

/** A value of this form compares as a number with stored numbers. */
export const NUMERIC_LITERAL = /^[+-]?(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?$/i

/** Segments of the longest path that the store takes. */
export const MAX_PATH_SEGMENTS = 20

export interface PathSegment {
  readonly name: string
  /** True for `name[]`: any element of that array. An array met without `[]` is treated alike. */
  readonly each: boolean
}

/**
 * `path op values`. `==` is true when any value equals, `!=` when none does, the others take exactly one value.
 * A path that does not exist in an entity matches nothing. Stored numbers compare as numbers with a numeric value,
 * booleans with `true` and `false`, everything else as text; text under a last segment `state` or `status` ignores case.
 */
export interface Comparison {
  readonly path: readonly PathSegment[]
  readonly operator: ComparisonOperator
  readonly values: readonly string[]
}

export interface OrderField {
  /** Member names from the entity's root. */
  readonly path: readonly string[]
  readonly direction: 'asc' | 'desc'
}

/** Where a page ended: the order fields' values (null when missing) and the row of the last entity. */
export interface ListPosition {
  readonly values: readonly (string | number | boolean | null)[]
  readonly no: number
}

export interface ListQuery {
  /** All of them must hold. */
  readonly filter: readonly Comparison[]
  /** Empty means most recently updated first. Missing values sort last; ties are settled by creation, newest first. */
  readonly order: readonly OrderField[]
  readonly limit: number
  readonly after: ListPosition | null
}
