import { readFileSync } from 'node:fs'
import { Ajv2020 } from 'ajv/dist/2020.js'
import type { ValidateFunction } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { parse } from 'yaml'

/** The parts of the API description that the checks read. */
export interface OpenApiDocument {
  readonly openapi: string
  readonly tags: readonly { readonly name: string }[]
  readonly paths: Readonly<Record<string, PathItem>>
  readonly components: Readonly<Record<string, Readonly<Record<string, unknown>>>>
}

export const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const
export type Method = (typeof METHODS)[number]

export type PathItem = { readonly [method in Method]?: Operation } & { readonly parameters?: readonly unknown[] }

export interface Operation {
  readonly operationId: string
  readonly tags: readonly string[]
  readonly summary: string
  readonly responses: Readonly<Record<string, unknown>>
}

/** `specs/openapi.yaml`, parsed. */
export const openapi: OpenApiDocument = parse(
  readFileSync(new URL('../../specs/openapi.yaml', import.meta.url), 'utf8'),
)

const SERVICE_ERROR = '/components/schemas/ServiceError'
const REGISTRY_ERROR = '/components/schemas/RegistryError'
const REGISTRY = '/data/foundation/schemaregistry/'

const validators = createValidators(openapi)
const validatorsWithoutProjections = createValidators(withoutProjections(openapi))

/**
 * Checks an answer of the host against the API description; throws an error that says what does not fit.
 *
 * A path or method that the description does not have must be answered 404 or 405. Whole entities are expected unless the
 * query asks for some of their members.
 *
 * @param path - as requested, with its query
 * @param body - parsed JSON, text where the answer is text, undefined when it is empty
 * @param type - the media type of the body, where the description has several
 */
export function checkAnswer(method: string, path: string, status: number, body: unknown, type?: string): void {
  const call = `${method.toUpperCase()} ${path} answered ${status}`
  const pointer = schemaOfAnswer(call, method, path, status, type)
  if (pointer === null) {
    if (body !== undefined) throw new Error(`${call} with a body, and the description has none: ${show(body)}`)
    return
  }
  const validate = (mayBeProjected(path) ? validators : validatorsWithoutProjections)(pointer)
  if (!validate(body)) throw new Error(`${call} with what the description does not allow:\n${faultsOf(validate, body)}`)
}

/** The operation of a request: its path template, and the one whose literal segments fit best. */
export function findOperation(
  method: string,
  path: string,
): { readonly template: string; readonly operation: Operation } | null {
  const template = templateOf(path)
  const operation = template && openapi.paths[template]?.[method.toLowerCase() as Method]
  return template && operation ? { template, operation } : null
}

/** Compiles the schema that the JSON Pointer names. */
export function validatorAt(pointer: string): ValidateFunction {
  return validators(pointer)
}

/** The first faults of a value, one a line. */
export function faultsOf(validate: ValidateFunction, value: unknown): string {
  const faults = (validate.errors ?? []).map(({ instancePath, message, params }) => {
    return `  ${instancePath || '/'} ${message} ${JSON.stringify(params)}`
  })
  return [...faults.slice(0, 20), `  in ${show(value)}`].join('\n')
}

/** Follows `$ref` to where the thing itself stands: its JSON Pointer and its value. */
export function resolve(pointer: string): { readonly pointer: string; readonly value: unknown } {
  const value = segmentsOf(pointer).reduce<unknown>((owner, segment) => {
    return typeof owner === 'object' && owner !== null && Object.hasOwn(owner, segment)
      ? (owner as Record<string, unknown>)[segment]
      : undefined
  }, openapi)
  if (value === undefined) throw new Error(`The description has nothing at ${pointer}.`)
  const { $ref } = value as { $ref?: unknown }
  return typeof $ref === 'string' ? resolve($ref.replace(/^#/, '')) : { pointer, value }
}

/** A JSON Pointer of these segments. */
export function pointerTo(...segments: readonly string[]): string {
  return segments.map((segment) => `/${segment.replaceAll('~', '~0').replaceAll('/', '~1')}`).join('')
}

function segmentsOf(pointer: string): readonly string[] {
  return pointer
    .split('/')
    .slice(1)
    .map((segment) => segment.replaceAll('~1', '/').replaceAll('~0', '~'))
}

/** Where the schema of the answer's body is; null when the answer has no body. */
function schemaOfAnswer(
  call: string,
  method: string,
  path: string,
  status: number,
  sentType: string | undefined,
): string | null {
  const found = findOperation(method, path)
  if (found === null) {
    const expected = templateOf(path) === null ? 404 : 405
    if (status !== expected) throw new Error(`${call}; the description has no such operation, so ${expected} was due.`)
    return path.startsWith(REGISTRY) ? REGISTRY_ERROR : SERVICE_ERROR
  }
  const { template, operation } = found
  if (!Object.hasOwn(operation.responses, String(status))) {
    const known = Object.keys(operation.responses).join(', ')
    throw new Error(`${call}; the description of ${operation.operationId} knows ${known}.`)
  }
  const response = resolve(pointerTo('paths', template, method.toLowerCase(), 'responses', String(status)))
  const types = Object.keys((response.value as { content?: object }).content ?? {})
  const type = types.find((one) => one === sentType) ?? types[0]
  return type === undefined ? null : response.pointer + pointerTo('content', type, 'schema')
}

/** The described spelling of a path, or of a route: the paths of datasets have two. */
export function canonicalPath(path: string): string {
  return path
    .replace(/(?<=\/data\/foundation\/catalog\/)datasets(?=\/|$)/, 'dataSets')
    .replace(/(?<=\/data\/foundation\/export\/)dataSets(?=\/|$)/, 'datasets')
}

/** The described path that fits; a literal segment wins over a parameter. */
function templateOf(path: string): string | null {
  const plain = canonicalPath((path.split('?', 1)[0] ?? '').replace(/\/$/, ''))
  const segments = plain.split('/')
  const fitting = Object.keys(openapi.paths).filter((template) => {
    const expected = template.split('/')
    return (
      expected.length === segments.length &&
      expected.every((name, at) => name === segments[at] || (name.startsWith('{') && segments[at] !== ''))
    )
  })
  return fitting.toSorted((a, b) => parametersOf(a) - parametersOf(b))[0] ?? null
}

function parametersOf(template: string): number {
  return template.split('{').length
}

/** A search has its parameters in the body, so any of its answers may be a projection. */
function mayBeProjected(path: string): boolean {
  const [plain = '', query] = path.split('?', 2)
  const parameters = new URLSearchParams(query)
  return (
    plain.endsWith('/search') ||
    parameters.has('continuationToken') ||
    parameters.has('properties') ||
    parameters.getAll('property').some((value) => !/[=<>]/.test(value))
  )
}

/** The document with projections that match nothing, so that lists must hold whole entities. */
function withoutProjections(document: OpenApiDocument): OpenApiDocument {
  const projections = { Projection: false, DataSetProjection: false, BatchProjection: false }
  const schemas = { ...document.components['schemas'], ...projections }
  return { ...document, components: { ...document.components, schemas } }
}

function createValidators(document: OpenApiDocument): (pointer: string) => ValidateFunction {
  const ajv = new Ajv2020({ strict: true, allowUnionTypes: true, strictRequired: false, allErrors: true })
  addFormats.default(ajv)
  // Ajv takes the whole document for a schema, to find its way to the schemas in it.
  ajv.addVocabulary(Object.keys(document))
  ajv.addSchema(document, 'openapi')
  return (pointer) => {
    const segments = segmentsOf(pointer).map((segment) => encodeURIComponent(pointerTo(segment).slice(1)))
    const validate = ajv.getSchema(`openapi#/${segments.join('/')}`)
    if (validate === undefined) throw new Error(`The description has no schema at ${pointer}.`)
    return validate
  }
}

function show(value: unknown): string {
  const text = value === undefined ? 'no body' : JSON.stringify(value)
  return text.length > 2000 ? `${text.slice(0, 2000)}...` : text
}
