import { Ajv } from 'ajv'
import type { ErrorObject } from 'ajv'
import ajvFormats from 'ajv-formats'
import { isJsonObject } from '../json.ts'
import type { JsonObject } from '../json.ts'
import { boundedRegExp } from './custom-spec-patterns.ts'
import type { SpecFault } from './spec-registry.ts'

/** A compiled `spec` of an auth spec or source spec: the draft-07 schema of one flat object of parameters. */
export interface ParameterSchema {
  readonly declaredNames: readonly string[]
  /** Names of the parameters with `format: password`. */
  readonly secretNames: readonly string[]
  /** Those of them that may be given as several, in an array. */
  readonly secretListNames: readonly string[]
  /** Every fault, missing ones first; nothing is coerced. `undefined` counts as an object without members. */
  validate(params: unknown): readonly SpecFault[]
}

/** An empty schema accepts everything. Throws when the schema is not valid. */
export type ParameterCompiler = (schema: JsonObject) => ParameterSchema

/** Keywords of the documented specs that describe a form and check nothing. */
const FORM_KEYWORDS = ['uiAttributes', 'example']

const LONGEST_ECHO = 80

/** @param foreign - the schemas come from outside: unknown keywords are ignored and patterns may not run on for ever */
export function createParameterCompiler({ foreign = false } = {}): ParameterCompiler {
  const own = { strict: true, strictTypes: false } as const
  const lenient = { strict: false, logger: false, code: { regExp: boundedRegExp } } as const
  const ajv = new Ajv({ ...(foreign ? lenient : own), allErrors: true, verbose: true })
  ajvFormats.default(ajv)
  ajv.addVocabulary(FORM_KEYWORDS)

  return function compileParameters(schema) {
    const accepts = ajv.compile(schema)
    const properties = isJsonObject(schema['properties']) ? schema['properties'] : {}
    const secretNames = Object.keys(properties).filter((name) => isSecret(properties[name]))
    const required = Array.isArray(schema['required']) ? schema['required'] : []
    return {
      declaredNames: Object.keys(properties),
      secretNames,
      secretListNames: secretNames.filter((name) => mayBeList(properties[name])),
      validate(params = {}) {
        const faults = accepts(params) ? [] : (accepts.errors ?? []).filter(isTelling).map(toFault)
        const empty = required.filter((name) => isJsonObject(params) && isBlank(params[name]))
        return firstOfEachPath([
          ...empty.map((name) => missingFault(schema, '', name, 'empty')),
          ...faults.filter(({ kind }) => kind === 'missing'),
          ...faults.filter(({ kind }) => kind === 'invalid'),
        ])
      },
    }
  }
}

/** An `if` that fails is told by what its `then` or `else` asks for. */
function isTelling({ keyword }: ErrorObject): boolean {
  return keyword !== 'if'
}

function toFault(error: ErrorObject): SpecFault {
  if (error.keyword === 'required') {
    return missingFault(error.parentSchema, error.instancePath, error.params['missingProperty'], 'missing')
  }
  return { kind: 'invalid', path: error.instancePath, message: describe(error) }
}

function missingFault(schema: unknown, parent: string, name: string, state: 'missing' | 'empty'): SpecFault {
  const properties = isJsonObject(schema) && isJsonObject(schema['properties']) ? schema['properties'] : {}
  const property = properties[name]
  const allowed = isJsonObject(property) && Array.isArray(property['enum']) ? `; ${oneOf(property['enum'])}` : ''
  return { kind: 'missing', path: parent + pointer(name), message: `${name} is required and ${state}${allowed}` }
}

function firstOfEachPath(faults: readonly SpecFault[]): readonly SpecFault[] {
  return faults.filter(({ path }, index) => faults.findIndex((fault) => fault.path === path) === index)
}

function isBlank(value: unknown): boolean {
  return typeof value === 'string' && value.trim() === ''
}

/** One sentence that says what would be right. The value itself is told only when it is no secret. */
function describe(error: ErrorObject): string {
  const name = nameOf(error.instancePath)
  const found = isSecret(error.parentSchema) ? 'the value' : echo(error.data)
  switch (error.keyword) {
    case 'type':
      return `${name} must be of type ${error.params['type']}, not ${typeOf(error.data)}`
    case 'enum':
      return `${found} is not a valid ${name}; ${oneOf(error.params['allowedValues'])}`
    case 'pattern':
      return `${found} is not a valid ${name}; it must match ${error.params['pattern']}`
    case 'format':
      return `${found} is not a valid ${name}; it must be a ${error.params['format']}`
    default:
      return `${name} ${error.message}`
  }
}

function oneOf(values: readonly unknown[]): string {
  return `one of ${values.join(', ')}`
}

function isSecret(schema: unknown): boolean {
  return isJsonObject(schema) && schema['format'] === 'password'
}

function mayBeList(schema: unknown): boolean {
  return isJsonObject(schema) && Array.isArray(schema['type']) && schema['type'].includes('array')
}

function pointer(name: string): string {
  return `/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
}

function nameOf(instancePath: string): string {
  const last = instancePath.split('/').at(-1) ?? ''
  return last === '' ? 'params' : last.replaceAll('~1', '/').replaceAll('~0', '~')
}

function typeOf(value: unknown): string {
  return value === null ? 'null' : Array.isArray(value) ? 'array' : typeof value
}

function echo(value: unknown): string {
  const text = JSON.stringify(value)
  return text.length > LONGEST_ECHO ? `${text.slice(0, LONGEST_ECHO)}...` : text
}
