import type { Scope } from '../language/scope.ts'
import type { Expression } from '../language/syntax.ts'
import { areEqual, isTrue, NULLIFIED } from '../language/values.ts'
import type { Value } from '../language/values.ts'
import { parameter, repeated } from './function-spec.ts'
import type { Evaluate, FunctionSpec } from './function-spec.ts'

const CATEGORY = 'Logical Operators'

export const LOGIC_FUNCTIONS: readonly FunctionSpec[] = [
  {
    name: 'iif',
    category: CATEGORY,
    description: 'Chooses between two values. The other one is not computed.',
    params: [
      parameter('expression', 'any', 'The condition.'),
      parameter('trueValue', 'any', 'The result when it is true.'),
      parameter('falseValue', 'any', 'The result when it is not.'),
    ],
    returns: 'One of the two values.',
    returnType: 'Any',
    example: 'iif("s".equalsIgnoreCase("S"), "True", "False")',
    result: '"True"',
    callLazily: ([condition, yes, no], scope, evaluate) => {
      const isMet = isTrue(plainValue(condition as Expression, scope, evaluate))
      return evaluate((isMet ? yes : no) as Expression, scope)
    },
  },
  {
    name: 'decode',
    category: CATEGORY,
    description: 'Looks a key up in a list of keys and values.',
    params: [
      parameter('key', 'any', 'The key.'),
      repeated(
        'options',
        'any',
        'A key, its value, the next key, its value, ..., and a default at the end if there is one.',
      ),
    ],
    returns: 'The value of the key; else the default, or null.',
    returnType: 'Any',
    example: 'decode("pa", "ca", "California", "pa", "Pennsylvania", "N/A")',
    result: '"Pennsylvania"',
    callLazily: ([key, ...options], scope, evaluate) => {
      const wanted = plainValue(key as Expression, scope, evaluate)
      for (let at = 0; at + 1 < options.length; at += 2) {
        const option = plainValue(options[at] as Expression, scope, evaluate)
        if (areEqual(wanted, option, scope.budget)) return evaluate(options[at + 1] as Expression, scope)
      }
      const byDefault = options.length % 2 === 1 ? options.at(-1) : undefined
      return byDefault === undefined ? null : evaluate(byDefault, scope)
    },
  },
]

function plainValue(expression: Expression, scope: Scope, evaluate: Evaluate): Value {
  const result = evaluate(expression, scope)
  return result === NULLIFIED ? null : result
}
