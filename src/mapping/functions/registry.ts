import { ARRAY_FUNCTIONS } from './arrays.ts'
import { CONVERSION_FUNCTIONS } from './conversions.ts'
import { DATE_FUNCTIONS } from './dates.ts'
import type { FunctionSpec, Parameter, ParameterType, ReturnType } from './function-spec.ts'
import { HASH_FUNCTIONS } from './hashes.ts'
import { LOGIC_FUNCTIONS } from './logic.ts'
import { OBJECT_FUNCTIONS } from './objects.ts'
import { PATTERN_FUNCTIONS } from './patterns.ts'
import { TEXT_FUNCTIONS } from './texts.ts'

/** Every function of the language. */
export const FUNCTIONS: readonly FunctionSpec[] = [
  ...TEXT_FUNCTIONS,
  ...PATTERN_FUNCTIONS,
  ...HASH_FUNCTIONS,
  ...DATE_FUNCTIONS,
  ...OBJECT_FUNCTIONS,
  ...ARRAY_FUNCTIONS,
  ...LOGIC_FUNCTIONS,
  ...CONVERSION_FUNCTIONS,
]

const BY_NAME: ReadonlyMap<string, FunctionSpec> = new Map(
  FUNCTIONS.flatMap((spec) => [spec.name, ...(spec.aliases ?? [])].map((name) => [name, spec])),
)

export function findFunction(name: string): FunctionSpec | undefined {
  return BY_NAME.get(name)
}

/** What `GET /languages/el/functions` answers: one row for each name. */
export function describeFunctions(): readonly object[] {
  return [...BY_NAME].map(([name, spec]) => ({
    category: spec.category,
    function: name,
    description: spec.description,
    syntax: syntaxOf(name, spec),
    returns: spec.returns,
    returnType: JAVA_RETURNS[spec.returnType],
    example: spec.example.replace(spec.name, name),
    result: spec.result,
    params: spec.params.map((parameter, at) => ({
      name: parameter.name,
      description: describeParameter(parameter),
      type: JSON_TYPES[parameter.type],
      dataType: parameter.isRepeated ? `[L${JAVA_TYPES[parameter.type]};` : JAVA_TYPES[parameter.type],
      position: at + 1,
    })),
    since: 1,
  }))
}

const JSON_TYPES: Readonly<Record<ParameterType, string>> = {
  text: 'string',
  number: 'number',
  integer: 'integer',
  date: 'string',
  array: 'array',
  any: 'object',
}
const JAVA_TYPES: Readonly<Record<ParameterType, string>> = {
  text: 'java.lang.String',
  number: 'java.lang.Number',
  integer: 'java.lang.Long',
  date: 'java.time.ZonedDateTime',
  array: 'java.util.List',
  any: 'java.lang.Object',
}
const JAVA_RETURNS: Readonly<Record<ReturnType, string>> = {
  String: 'java.lang.String',
  Boolean: 'java.lang.Boolean',
  Integer: 'java.lang.Long',
  Number: 'java.lang.Number',
  Date: 'java.time.ZonedDateTime',
  Array: 'java.util.List',
  Object: 'java.util.Map',
  Any: 'java.lang.Object',
}

/** `String substr(String, Long, Long)`, as the documentation writes it. */
function syntaxOf(name: string, { params, returnType }: FunctionSpec): string {
  const short = (type: string) => type.slice(type.lastIndexOf('.') + 1)
  const types = params.map(({ type, isRepeated }) => `${short(JAVA_TYPES[type])}${isRepeated ? '...' : ''}`)
  return `${short(JAVA_RETURNS[returnType])} ${name}(${types.join(', ')})`
}

function describeParameter({ description, isOptional, isRepeated }: Parameter): string {
  return isOptional ? `Optional. ${description}` : isRepeated ? `Zero or more. ${description}` : description
}
