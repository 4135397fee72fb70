import { randomUUID } from 'node:crypto'
import type { JsonObject, JsonValue } from '../json.ts'
import { convertValue } from './convert-value.ts'
import { Budget } from './language/budget.ts'
import { ExpressionError } from './language/errors.ts'
import { checkCalls, evaluate } from './language/evaluate.ts'
import { parseExpression, parsePath } from './language/parse.ts'
import { valueAt } from './language/path-value.ts'
import type { Scope } from './language/scope.ts'
import type { PathSegment } from './language/syntax.ts'
import { isArrayValue, NULLIFIED } from './language/values.ts'
import type { Result, Value } from './language/values.ts'
import { TargetRecord } from './target-record.ts'
import { OPEN_TYPE, typeAtPath } from './target-type.ts'
import type { TargetType } from './target-type.ts'

export const SOURCE_TYPES = ['ATTRIBUTE', 'EXPRESSION', 'STATIC'] as const
export type SourceType = (typeof SOURCE_TYPES)[number]

/** One line of a mapping set, as the mapper needs it. */
export interface MappingRule {
  readonly sourceType: SourceType
  /** A path, an expression, or the value itself. */
  readonly source: string
  /** A path in the target schema. */
  readonly destination: string
}

export interface MapperOptions {
  /**
   * A destination that the schema does not define: `fail` refuses the row (runs), `pass` writes it (previews). Default
   * `fail`. Members of a copied object are copied whether the schema defines them or not.
   */
  readonly undefinedPaths?: 'fail' | 'pass'
  /** For `now()` and `timestamp()`, ms since the epoch. */
  readonly now?: () => number
  /** For `uuid()`. */
  readonly newId?: () => string
}

/** Why a row could not be mapped. */
export interface MappingError {
  /** Path in the target. */
  readonly path: string
  readonly message: string
  /** The mapping that failed. */
  readonly rule: MappingRule
}

export type MapResult =
  { readonly ok: true; readonly xdm: JsonObject } | { readonly ok: false; readonly errors: readonly MappingError[] }

export interface Mapper {
  /** Maps one record, never throws. The result shares nothing with the record. */
  map(record: unknown): MapResult
  /** The same for showing: what could be mapped beside the errors. `budget` may be shared by several rows. */
  mapPartly(record: unknown, budget?: Budget): { readonly xdm: JsonObject; readonly errors: readonly MappingError[] }
}

/** More would not help anybody. */
const MAX_ERRORS = 100

/**
 * Reads a mapping set once, to map any number of records with it.
 *
 * @param schema - the target's fields; null checks no types
 * @throws ExpressionError when a mapping cannot be read; a stored mapping set always can
 */
export function createMapper(
  mappingSet: { readonly mappings: readonly MappingRule[] },
  schema: TargetType | null,
  options: MapperOptions = {},
): Mapper {
  const { undefinedPaths = 'fail', now = Date.now, newId = randomUUID } = options
  const steps = mappingSet.mappings.map((rule) => compileRule(rule, schema, undefinedPaths))

  function mapPartly(record: unknown, budget = new Budget()) {
    const target = new TargetRecord()
    const errors: MappingError[] = []
    const scope: Scope = { record: record as Value, budget, now, newId }
    for (const step of steps) {
      if (errors.length >= MAX_ERRORS) break
      runStep(step, scope, target, (path, message) => {
        errors.push({ path, message: `${path} ${message}.`, rule: step.rule })
      })
    }
    return { xdm: target.finish(), errors }
  }

  return {
    mapPartly,
    map(record) {
      const { xdm, errors } = mapPartly(record)
      return errors.length === 0 ? { ok: true, xdm } : { ok: false, errors }
    },
  }
}

/** Reads one mapping and tells what is wrong with it; null when nothing is. With a schema the destination is looked up. */
export function checkRule(rule: MappingRule, schema: TargetType | null): string | null {
  try {
    const { problem } = compileRule(rule, schema, 'fail')
    return problem === null ? null : `${rule.destination} ${problem}`
  } catch (error) {
    if (error instanceof ExpressionError) return error.message
    throw error
  }
}

/** A mapping, ready to run. */
interface Step {
  readonly rule: MappingRule
  readonly path: readonly PathSegment[]
  readonly read: (scope: Scope) => Result
  readonly type: TargetType
  /** Why no value can be written at the destination. */
  readonly problem: string | null
  /** Levels of arrays that the source's wildcards make beyond those that the destination's take up. */
  readonly extraLevels: number
}

function compileRule(rule: MappingRule, schema: TargetType | null, undefinedPaths: 'fail' | 'pass'): Step {
  const path = named('destination', () => parsePath(rule.destination))
  const found = schema === null ? { type: OPEN_TYPE } : typeAtPath(schema, path)
  const isUndefined = 'problem' in found
  const type = isUndefined ? OPEN_TYPE : found.type
  const problem = isUndefined && undefinedPaths === 'fail' ? found.problem : null
  const { read, wildcards } = named('source', () => compileSource(rule, type))
  const extraLevels = Math.max(0, wildcards - countWildcards(path))
  return { rule, path, read, type, problem, extraLevels }
}

function compileSource(rule: MappingRule, type: TargetType): { read: Step['read']; wildcards: number } {
  switch (rule.sourceType) {
    case 'STATIC': {
      const value = staticValue(rule.source, type)
      return { read: () => value, wildcards: 0 }
    }
    case 'ATTRIBUTE': {
      const path = parsePath(rule.source)
      return { read: ({ record, budget }) => valueAt(record, path, budget), wildcards: countWildcards(path) }
    }
    case 'EXPRESSION': {
      const expression = parseExpression(rule.source)
      checkCalls(expression)
      return { read: (scope) => evaluate(expression, scope), wildcards: 0 }
    }
  }
}

/** A static value is always written as a text; it becomes what the target wants. */
function staticValue(text: string, { type }: TargetType): Value {
  if (type !== 'integer' && type !== 'number') return text
  return text.trim() !== '' && Number.isFinite(Number(text)) ? Number(text) : text
}

function runStep(
  step: Step,
  scope: Scope,
  target: TargetRecord,
  refuse: (path: string, message: string) => void,
): void {
  const { rule, path, type, problem, extraLevels } = step
  try {
    const result = step.read(scope)
    if (result === NULLIFIED) return target.remove(path)
    if (result === null) return
    if (problem !== null) return refuse(rule.destination, problem)
    const conversion = { refuse, budget: scope.budget }
    const make = (value: Value): JsonValue | undefined =>
      convertValue(flattened(value, extraLevels), type, rule.destination, conversion)
    target.write(path, result, make)
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error
    refuse(rule.destination, `could not be computed: ${error.message}`)
  }
}

/** The innermost arrays of nested wildcards as one array. */
function flattened(value: Value, levels: number): Value {
  if (levels < 2 || !isArrayValue(value)) return value
  return (value as readonly unknown[]).flat(levels - 1) as Value[]
}

function countWildcards(path: readonly PathSegment[]): number {
  return path.filter(({ kind }) => kind === 'each').length
}

function named<T>(role: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (error instanceof ExpressionError) throw new ExpressionError(`the ${role} cannot be read: ${error.message}`)
    throw error
  }
}
