import { requireArraySize } from '../language/budget.ts'
import { ExpressionError } from '../language/errors.ts'
import { parsePath } from '../language/parse.ts'
import { existsAt } from '../language/path-value.ts'
import type { Expression } from '../language/syntax.ts'
import { isArrayValue, isObjectValue, memberOf, nameOf, NULLIFIED, setMember } from '../language/values.ts'
import type { ObjectValue, Value } from '../language/values.ts'
import { optional, parameter, repeated, requireText } from './function-spec.ts'
import type { FunctionSpec } from './function-spec.ts'

const CATEGORY = 'Hierarchies - Objects'

export const OBJECT_FUNCTIONS: readonly FunctionSpec[] = [
  {
    name: 'size_of',
    category: CATEGORY,
    description: 'Counts the elements of an array, the members of an object or the characters of a text.',
    params: [parameter('input', 'any', 'What is counted.')],
    returns: 'The count; 0 for null.',
    returnType: 'Integer',
    example: 'size_of([1, 2, 3, 4])',
    result: '4',
    takesNull: true,
    call: ([input = null]) => countOf(input),
  },
  {
    name: 'is_empty',
    category: CATEGORY,
    description: 'Tells whether there is nothing in an array, an object or a text.',
    params: [parameter('input', 'any', 'What is looked at.')],
    returns: 'True for null and for what has size 0.',
    returnType: 'Boolean',
    example: 'is_empty([1, 2, 3])',
    result: 'false',
    takesNull: true,
    call: ([input = null]) => input === null || (isSized(input) && countOf(input) === 0),
  },
  {
    name: 'to_object',
    category: CATEGORY,
    description: 'Makes an object of names and values.',
    params: [repeated('input', 'any', 'A name, its value, the next name, its value, ...')],
    returns: 'The object.',
    returnType: 'Object',
    example: 'to_object("firstName", "John", "lastName", "Doe")',
    result: '{"firstName":"John","lastName":"Doe"}',
    takesNull: true,
    call: (args) => {
      if (args.length % 2 !== 0) throw new ExpressionError('to_object has a name without a value')
      return objectOf(args.filter((_, at) => at % 2 === 0).map((name, at) => [name, args[2 * at + 1] ?? null]))
    },
  },
  {
    name: 'str_to_object',
    category: CATEGORY,
    description: 'Makes an object of a text with names and values.',
    params: [
      parameter('string', 'text', 'The text.'),
      optional('valueDelimiter', 'text', 'Between a name and its value; : by default.'),
      optional('fieldDelimiter', 'text', 'Between two pairs; , by default.'),
    ],
    returns: 'The object; all values are texts.',
    returnType: 'Object',
    example: 'str_to_object("firstName=John,lastName=Doe,phone=123 456 7890", "=", ",")',
    result: '{"firstName":"John","lastName":"Doe","phone":"123 456 7890"}',
    call: ([text, valueDelimiter, fieldDelimiter]) => objectOf(readPairs(text, valueDelimiter, fieldDelimiter)),
  },
  {
    name: 'json_to_object',
    category: 'JSON',
    description: 'Reads a JSON text.',
    params: [parameter('string', 'text', 'The JSON text.')],
    returns: 'The value that the text describes.',
    returnType: 'Any',
    example: 'json_to_object("{\\"info\\":{\\"firstName\\":\\"John\\",\\"lastName\\":\\"Doe\\"}}")',
    result: '{"info":{"firstName":"John","lastName":"Doe"}}',
    call: ([text], { budget }) => {
      budget.spend(String(text).length / 4)
      try {
        return JSON.parse(String(text)) as Value
      } catch {
        throw new ExpressionError('the text is no JSON')
      }
    },
  },
  {
    name: 'contains_key',
    category: CATEGORY,
    description: 'Tells whether the source data has a path.',
    params: [parameter('input', 'text', 'The path, as a text.')],
    returns: 'True when it is there, with null as its value too.',
    returnType: 'Boolean',
    example: 'contains_key("evars.evar.field1")',
    result: 'false',
    check: ([input]: readonly Expression[]) => {
      if (input?.kind === 'literal' && typeof input.value === 'string') parsePath(input.value)
    },
    call: ([input], { record }) => existsAt(record, parsePath(String(input))),
  },
  {
    name: 'nullify',
    category: CATEGORY,
    description: 'Takes the target away, for what another mapping copied and should not be there.',
    params: [],
    returns: 'null.',
    returnType: 'Any',
    example: 'nullify()',
    result: 'null',
    call: () => NULLIFIED,
  },
  {
    name: 'get_keys',
    category: CATEGORY,
    description: 'Lists the names of the members of an object.',
    params: [parameter('object', 'any', 'The object.')],
    returns: 'The names.',
    returnType: 'Array',
    example: 'get_keys({"book1": "Pride and Prejudice", "book2": "1984"})',
    result: '["book1","book2"]',
    call: ([object = null]) => {
      const names = Object.keys(requireObject(object, 'object'))
      requireArraySize(names.length)
      return names
    },
  },
  {
    name: 'get',
    category: CATEGORY,
    description: 'Takes one member of an object.',
    params: [parameter('object', 'any', 'The object.'), parameter('key', 'text', 'The name of the member.')],
    returns: 'Its value; null when there is none.',
    returnType: 'Any',
    example: 'str_to_object("firstName - John ; phone - 123", "-", ";").get("firstName")',
    result: '"John"',
    isMethod: true,
    call: ([object = null, key]) => memberOf(requireObject(object, 'object'), String(key)),
  },
  {
    name: 'get_values',
    category: CATEGORY,
    description: 'Takes one value out of a text with names and values.',
    params: [
      parameter('string', 'text', 'The text.'),
      parameter('key', 'text', 'The name whose value is wanted.'),
      optional('valueDelimiter', 'text', 'Between a name and its value; : by default.'),
      optional('fieldDelimiter', 'text', 'Between two pairs; , by default.'),
    ],
    returns: 'The value without white space around it; null when the name is not there.',
    returnType: 'String',
    example: 'get_values("firstName - John , lastName - Cena , phone - 555 420 8692", "firstName", "-", ",")',
    result: '"John"',
    call: ([text, key, valueDelimiter, fieldDelimiter]) =>
      readPairs(text, valueDelimiter, fieldDelimiter).find(([name]) => name === key)?.[1] ?? null,
  },
]

function isSized(value: Value): value is string | readonly Value[] | ObjectValue {
  return typeof value === 'string' || isArrayValue(value) || isObjectValue(value)
}

function countOf(value: Value): number {
  if (value === null) return 0
  if (typeof value === 'string' || isArrayValue(value)) return value.length
  return Object.keys(requireObject(value, 'input')).length
}

function requireObject(value: Value, role: string): ObjectValue {
  if (isObjectValue(value)) return value
  throw new ExpressionError(`${role} is ${nameOf(value)}, not an object`)
}

function objectOf(members: readonly (readonly [Value, Value])[]): ObjectValue {
  const object: Record<string, Value> = {}
  for (const [name, value] of members) setMember(object, requireText(name, 'a name'), value)
  return object
}

function readPairs(
  text: Value | undefined,
  valueDelimiter: Value | undefined,
  fieldDelimiter: Value | undefined,
): [string, string][] {
  const orElse = (delimiter: Value | undefined, other: string) => String(delimiter ?? '') || other
  const between = orElse(valueDelimiter, ':')
  const fields = String(text).split(orElse(fieldDelimiter, ','))
  requireArraySize(fields.length)
  return fields.flatMap((field): [string, string][] => {
    const at = field.indexOf(between)
    return at < 0 ? [] : [[field.slice(0, at).trim(), field.slice(at + between.length).trim()]]
  })
}
