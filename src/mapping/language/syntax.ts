import type { BinaryOperator, UnaryOperator } from './operators.ts'
import type { Value } from './values.ts'

/** One step of a path. */
export type Segment =
  | { readonly kind: 'member'; readonly name: string }
  | { readonly kind: 'element'; readonly index: number }
  /** `[*]`: all elements. */
  | { readonly kind: 'each' }
  /** `[expression]`, only in expressions. */
  | { readonly kind: 'computed'; readonly key: Expression }

/** A path as it is written in a mapping: no computed steps. */
export type PathSegment = Exclude<Segment, { kind: 'computed' }>

export type Expression =
  | { readonly kind: 'literal'; readonly value: Value }
  /** `of` null: from the record. */
  | { readonly kind: 'access'; readonly of: Expression | null; readonly segments: readonly Segment[] }
  | { readonly kind: 'call'; readonly name: string; readonly isMethod: boolean; readonly args: readonly Expression[] }
  | { readonly kind: 'unary'; readonly operator: UnaryOperator; readonly operand: Expression }
  | {
      readonly kind: 'binary'
      readonly operator: BinaryOperator
      readonly left: Expression
      readonly right: Expression
    }
  /** `condition ? yes : no`; `yes` null: the condition's own value. */
  | {
      readonly kind: 'choice'
      readonly condition: Expression
      readonly yes: Expression | null
      readonly no: Expression
    }
  | { readonly kind: 'array'; readonly items: readonly Expression[] }
  | { readonly kind: 'object'; readonly members: readonly (readonly [name: string, value: Expression])[] }
