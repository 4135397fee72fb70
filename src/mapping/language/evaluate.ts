import { convertArgument } from '../functions/function-spec.ts'
import type { FunctionSpec, Parameter } from '../functions/function-spec.ts'
import { findFunction } from '../functions/registry.ts'
import { MAX_ARRAY } from './budget.ts'
import { ExpressionError } from './errors.ts'
import { elementOf } from './path-value.ts'
import type { Scope } from './scope.ts'
import type { Expression, Segment } from './syntax.ts'
import { isArrayValue, isObjectValue, isTrue, memberOf, NULLIFIED, setMember } from './values.ts'
import type { Result, Value } from './values.ts'

/** Computes an expression. Throws ExpressionError; nothing else, whatever the expression and the record. */
export function evaluate(expression: Expression, scope: Scope): Result {
  scope.budget.spend(1)
  switch (expression.kind) {
    case 'literal':
      return expression.value
    case 'access':
      return access(
        expression.of === null ? scope.record : valueOf(expression.of, scope),
        expression.segments,
        scope,
        0,
      )
    case 'call':
      return call(expression, scope)
    case 'unary':
      return expression.operator.apply(valueOf(expression.operand, scope))
    case 'binary':
      return binary(expression, scope)
    case 'choice': {
      const condition = evaluate(expression.condition, scope)
      if (!isTrue(plain(condition))) return evaluate(expression.no, scope)
      return expression.yes === null ? condition : evaluate(expression.yes, scope)
    }
    case 'array':
      return expression.items.map((item) => valueOf(item, scope))
    case 'object': {
      const object: Record<string, Value> = {}
      for (const [name, value] of expression.members) setMember(object, name, valueOf(value, scope))
      return object
    }
  }
}

/** The value for use inside another expression, where `nullify()` is just null. */
function valueOf(expression: Expression, scope: Scope): Value {
  return plain(evaluate(expression, scope))
}

function plain(result: Result): Value {
  return result === NULLIFIED ? null : result
}

function binary({ operator, left, right }: Extract<Expression, { kind: 'binary' }>, scope: Scope): Value {
  const first = valueOf(left, scope)
  switch (operator.operatorSymbol) {
    case '&&':
      return isTrue(first) && isTrue(valueOf(right, scope))
    case '||':
      return isTrue(first) || isTrue(valueOf(right, scope))
    case '??':
      return first ?? valueOf(right, scope)
    default: {
      const second = valueOf(right, scope)
      scope.budget.spend(sizeOf(first) + sizeOf(second))
      return operator.apply?.(first, second, scope.budget) ?? null
    }
  }
}

function access(value: Value, segments: readonly Segment[], scope: Scope, from: number): Value {
  let found = value
  for (let at = from; at < segments.length; at++) {
    if (found === null) return null
    const segment = segments[at] as Segment
    if (segment.kind === 'member') found = memberOf(found, segment.name)
    else if (segment.kind === 'computed') found = computedMember(found, valueOf(segment.key, scope))
    else if (!isArrayValue(found)) return null
    else if (segment.kind === 'element') found = elementOf(found, segment.index)
    else {
      scope.budget.spend(found.length)
      return found.map((element) => access(element, segments, scope, at + 1))
    }
  }
  return found
}

function computedMember(value: Value, key: Value): Value {
  if (isArrayValue(value) && typeof key === 'number') return elementOf(value, key)
  return isObjectValue(value) && (typeof key === 'string' || typeof key === 'number') ? memberOf(value, `${key}`) : null
}

function call({ name, args }: Extract<Expression, { kind: 'call' }>, scope: Scope): Result {
  const spec = findFunction(name) as FunctionSpec
  if (spec.callLazily !== undefined) return spec.callLazily(args, scope, evaluate)
  const values = args.map((arg, at) => {
    const value = valueOf(arg, scope)
    scope.budget.spend(sizeOf(value))
    return convertArgument(value, parameterAt(spec, at))
  })
  if (spec.takesNull !== true && spec.params.some((parameter, at) => !parameter.isOptional && values[at] === null)) {
    return null
  }
  return spec.call?.(values, scope) ?? null
}

function parameterAt(spec: FunctionSpec, at: number): Parameter {
  return (spec.params[at] ?? spec.params.at(-1)) as Parameter
}

/** What it costs to walk over a value once. */
export function sizeOf(value: Value): number {
  if (typeof value === 'string') return value.length / 4
  if (isArrayValue(value)) return value.length
  if (isObjectValue(value)) return Object.keys(value).length
  return 0
}

/** Refuses calls of unknown functions, with too few or too many arguments, or with literals that can never work. */
export function checkCalls(expression: Expression): void {
  switch (expression.kind) {
    case 'literal':
      return
    case 'access':
      if (expression.of !== null) checkCalls(expression.of)
      for (const segment of expression.segments) if (segment.kind === 'computed') checkCalls(segment.key)
      return
    case 'call':
      checkCall(expression)
      expression.args.forEach(checkCalls)
      return
    case 'unary':
      return checkCalls(expression.operand)
    case 'binary':
      checkCalls(expression.left)
      return checkCalls(expression.right)
    case 'choice':
      checkCalls(expression.condition)
      if (expression.yes !== null) checkCalls(expression.yes)
      return checkCalls(expression.no)
    case 'array':
      return expression.items.forEach(checkCalls)
    case 'object':
      return expression.members.forEach(([, value]) => checkCalls(value))
  }
}

function checkCall({ name, args, isMethod }: Extract<Expression, { kind: 'call' }>): void {
  const spec = findFunction(name)
  const shown = name.length > 40 ? `${name.slice(0, 40)}...` : name
  if (spec === undefined) throw new ExpressionError(`there is no function ${shown}`)
  if (isMethod && spec.isMethod !== true) throw new ExpressionError(`${shown} is no method; write ${shown}(...)`)
  const least = spec.params.filter(({ isOptional, isRepeated }) => !isOptional && !isRepeated).length
  const most = spec.params.at(-1)?.isRepeated === true ? MAX_ARRAY : spec.params.length
  if (args.length < least || args.length > most) {
    const wanted = least === most ? least : most === MAX_ARRAY ? `at least ${least}` : `${least} to ${most}`
    throw new ExpressionError(`${shown} takes ${wanted} arguments, not ${args.length}`)
  }
  spec.check?.(args)
}
