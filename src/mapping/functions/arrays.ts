import { requireArraySize } from '../language/budget.ts'
import { compare, isArrayValue, isTrue } from '../language/values.ts'
import type { Value } from '../language/values.ts'
import { parameter, repeated } from './function-spec.ts'
import type { FunctionSpec } from './function-spec.ts'

const CATEGORY = 'Hierarchies - Arrays'
const ELEMENTS = repeated('input', 'any', 'An array, or the elements themselves.')

const aggregate = (name: 'min' | 'max', word: string, result: string): FunctionSpec => ({
  name,
  category: 'Aggregation',
  description: `Finds the ${word} of numbers, texts or dates.`,
  params: [ELEMENTS],
  returns: `The ${word}; null is left out.`,
  returnType: 'Any',
  example: `${name}(3, 1, 4)`,
  result,
  takesNull: true,
  call: (args, { budget }) => {
    const values = elementsOf(args).filter((value) => value !== null)
    budget.spend(values.length)
    const wins = (value: Value, best: Value) => (name === 'min' ? compare(value, best) < 0 : compare(value, best) > 0)
    return values.reduce<Value>((best, value) => (best === null || wins(value, best) ? value : best), null)
  },
})

export const ARRAY_FUNCTIONS: readonly FunctionSpec[] = [
  {
    name: 'coalesce',
    category: CATEGORY,
    description: 'Finds the first value that is not null.',
    params: [ELEMENTS],
    returns: 'That value; null when there is none.',
    returnType: 'Any',
    example: 'coalesce(null, null, null, "first", null, "second")',
    result: '"first"',
    takesNull: true,
    call: (args) => elementsOf(args).find((value) => value !== null) ?? null,
  },
  {
    name: 'first',
    category: CATEGORY,
    description: 'Takes the first element.',
    params: [ELEMENTS],
    returns: 'The first element; null when there is none.',
    returnType: 'Any',
    example: 'first("1", "2", "3")',
    result: '"1"',
    takesNull: true,
    call: (args) => elementsOf(args)[0] ?? null,
  },
  {
    name: 'last',
    category: CATEGORY,
    description: 'Takes the last element.',
    params: [ELEMENTS],
    returns: 'The last element; null when there is none.',
    returnType: 'Any',
    example: 'last("1", "2", "3")',
    result: '"3"',
    takesNull: true,
    call: (args) => elementsOf(args).at(-1) ?? null,
  },
  {
    name: 'to_array',
    category: CATEGORY,
    description: 'Makes an array.',
    params: [
      parameter('includeNulls', 'any', 'Whether null goes into the array.'),
      repeated('values', 'any', 'The elements.'),
    ],
    returns: 'The array.',
    returnType: 'Array',
    example: 'to_array(false, 1, null, 2, 3)',
    result: '[1,2,3]',
    takesNull: true,
    call: ([includeNulls = null, ...values]) =>
      isTrue(includeNulls) ? values : values.filter((value) => value !== null),
  },
  {
    name: 'add_to_array',
    category: CATEGORY,
    description: 'Adds elements at the end of an array.',
    params: [parameter('array', 'array', 'The array.'), repeated('values', 'any', 'The elements.')],
    returns: 'A longer array; null counts as an empty one.',
    returnType: 'Array',
    example: "add_to_array(['a', 'b'], 'c', 'd')",
    result: '["a","b","c","d"]',
    takesNull: true,
    call: ([array = null, ...values]) => combined([array, values]),
  },
  {
    name: 'join_arrays',
    category: CATEGORY,
    description: 'Puts arrays one after the other.',
    params: [parameter('array', 'array', 'The first array.'), repeated('values', 'array', 'The others.')],
    returns: 'One array; null counts as an empty one.',
    returnType: 'Array',
    example: "join_arrays(['a', 'b'], ['c'], ['d', 'e'])",
    result: '["a","b","c","d","e"]',
    takesNull: true,
    call: (args) => combined(args),
  },
  aggregate('min', 'smallest', '1'),
  aggregate('max', 'largest', '4'),
]

/** The elements of the one array that was given, or else the arguments. */
function elementsOf(args: readonly Value[]): readonly Value[] {
  const [only = null] = args
  return args.length === 1 && isArrayValue(only) ? only : args
}

function combined(arrays: readonly Value[]): readonly Value[] {
  const given = arrays.filter(isArrayValue)
  requireArraySize(given.reduce((length, array) => length + array.length, 0))
  return given.flat(1) as Value[]
}
