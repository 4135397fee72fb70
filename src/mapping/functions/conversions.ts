import { ExpressionError } from '../language/errors.ts'
import { excerptOf, nameOf, toNumber } from '../language/values.ts'
import type { Value } from '../language/values.ts'
import { parameter } from './function-spec.ts'
import type { FunctionSpec, ReturnType } from './function-spec.ts'

interface Conversion {
  readonly title: string
  readonly returns: string
  readonly returnType: ReturnType
  readonly input: string
  readonly result: string
}

const conversion = (name: string, row: Conversion, convert: (number: number) => number): FunctionSpec => ({
  name,
  category: 'Type Conversions',
  description: `Reads a text as ${row.title}.`,
  params: [parameter('string', 'any', 'The text; a number is taken as it is.')],
  returns: row.returns,
  returnType: row.returnType,
  example: `${name}("${row.input}")`,
  result: row.result,
  call: ([value = null]) => convert(read(value)),
})

const WHOLE = 'The number without its fraction.'

export const CONVERSION_FUNCTIONS: readonly FunctionSpec[] = [
  conversion(
    'to_integer',
    { title: 'a whole number', returns: WHOLE, returnType: 'Integer', input: '12', result: '12' },
    exact,
  ),
  conversion(
    'to_bigint',
    { title: 'a large whole number', returns: WHOLE, returnType: 'Integer', input: '1000000.34', result: '1000000' },
    exact,
  ),
  conversion(
    'to_decimal',
    { title: 'a number', returns: 'The number.', returnType: 'Number', input: '20.5', result: '20.5' },
    (number) => number,
  ),
  conversion(
    'to_float',
    { title: 'a number', returns: 'The number.', returnType: 'Number', input: '12.3456', result: '12.3456' },
    (number) => number,
  ),
  {
    name: 'uuid',
    aliases: ['guid'],
    category: 'Special Operations',
    description: 'Makes a random id.',
    params: [],
    returns: 'A UUID, another one at every call.',
    returnType: 'String',
    example: 'uuid()',
    result: '"7c0267d2-bb74-4e1a-9275-3bf4fccda5f4"',
    call: (_, { newId }) => newId(),
  },
]

function read(value: Value): number {
  const number = toNumber(value)
  if (number !== null) return number
  throw new ExpressionError(`${nameOf(value)}${excerptOf(value)} is no number`)
}

/** Larger numbers would come out of JSON changed. */
function exact(number: number): number {
  const whole = Math.trunc(number)
  if (!Number.isSafeInteger(whole)) throw new ExpressionError(`${number} is too large for an exact whole number`)
  return whole === 0 ? 0 : whole
}
