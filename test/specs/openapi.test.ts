import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { Ajv2020 } from 'ajv/dist/2020.js'
import {
  canonicalPath,
  checkAnswer,
  faultsOf,
  METHODS,
  openapi,
  pointerTo,
  resolve,
  validatorAt,
} from '../support/openapi-check.ts'
import type { Operation } from '../support/openapi-check.ts'
import { startTestHost } from '../support/test-host.ts'
import type { TestHost } from '../support/test-host.ts'

const ID = '11111111-1111-4111-8111-111111111111'

let started: TestHost

beforeAll(async () => {
  started = await startTestHost()
})

afterAll(() => started.stop())

interface DescribedOperation extends Operation {
  readonly method: string
  readonly path: string
  readonly pointer: string
}

const operations: readonly DescribedOperation[] = Object.entries(openapi.paths).flatMap(([path, item]) =>
  METHODS.flatMap((method) => {
    const operation = item[method]
    return operation === undefined ? [] : [{ ...operation, method, path, pointer: pointerTo('paths', path, method) }]
  }),
)

test('the description has the routes of the host, and no others', () => {
  const described = operations.map(({ method, path }) => `${method} ${path.replaceAll(/\{\w+\}/g, '{}')}`)
  const served = servedRoutes()
  const alias = served.filter((route) => canonicalPath(route) !== route)
  // The other spelling of a path is not described; it must have the very same routes.
  expect(alias.map(canonicalPath).toSorted()).toEqual(served.filter((route) => DATA_SETS.test(route)).toSorted())
  expect(described.toSorted()).toEqual(served.filter((route) => !alias.includes(route)).toSorted())
})

/** The described spelling of the paths that have two. */
const DATA_SETS = /\/catalog\/dataSets|\/export\/datasets/

/** What Express routes, `get /path/{}`; the rows that answer 405 have no method. */
function servedRoutes(): string[] {
  const { stack } = started.host.router.router as unknown as { stack: readonly Layer[] }
  return stack
    .flatMap(({ handle }) => handle.stack ?? [])
    .flatMap(({ route }) => route?.stack.map(({ method }) => ({ method, path: route.path })) ?? [])
    .filter(({ method }) => method !== undefined)
    .map(({ method, path }) => `${method} ${path.replaceAll(/:\w+/g, '{}')}`)
}

interface Layer {
  readonly handle: { readonly stack?: readonly { readonly route?: ServedRoute }[] }
}

interface ServedRoute {
  readonly path: string
  readonly stack: readonly { readonly method?: string }[]
}

test('it is served as JSON to everybody', async () => {
  const response = await started.anonymous().get('/openapi.json')
  expect([response.status, response.type]).toEqual([200, 'application/json'])
  expect(response.body).toEqual(openapi)
})

describe('the document', () => {
  test('has the form of OpenAPI 3.1', () => {
    const validate = new Ajv2020({ allErrors: true, strictTypes: false }).compile(OPENAPI_FORM)
    if (!validate(openapi)) throw new Error(faultsOf(validate, openapi))
  })

  test('names every operation once, in a sentence, under a tag that it declares', () => {
    const ids = operations.map(({ operationId }) => operationId)
    expect(ids.filter((id, at) => ids.indexOf(id) !== at)).toEqual([])
    const tags = openapi.tags.map(({ name }) => name)
    for (const { summary, tags: used } of operations) {
      expect(summary).toMatch(/^[A-Z].*[\w)`]\.$/)
      expect(tags).toEqual(expect.arrayContaining([...used]))
    }
    expect(tags.toSorted()).toEqual([...new Set(operations.flatMap((operation) => operation.tags))].toSorted())
  })

  test('declares the parameters of every path, each parameter once', () => {
    for (const { path, method, pointer } of operations) {
      const parameters = [pointerTo('paths', path, 'parameters'), `${pointer}/parameters`].flatMap(parametersAt)
      const keys = parameters.map(({ name, in: place }) => `${place} ${name}`)
      expect(new Set(keys).size).toBe(keys.length)
      const declared = parameters.filter((parameter) => parameter.in === 'path').map(({ name }) => name)
      expect([method, path, declared]).toEqual([method, path, [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name)])
    }
  })

  test('has no reference that leads nowhere and no component that nothing uses', () => {
    const references = [...nodes()].flatMap(({ pointer, value: { $ref } }) =>
      typeof $ref === 'string' && !isInExample(pointer) ? [$ref] : [],
    )
    for (const reference of references) expect(() => resolve(reference.replace(/^#/, ''))).not.toThrow()
    const declared = Object.entries(openapi.components)
      .filter(([kind]) => kind !== 'securitySchemes')
      .flatMap(([kind, entries]) => Object.keys(entries).map((name) => `#/components/${kind}/${name}`))
    expect(declared.filter((name) => !references.includes(name))).toEqual([])
  })

  test('has schemas that compile', () => {
    for (const name of Object.keys(openapi.components['schemas'] ?? {})) validatorAt(`/components/schemas/${name}`)
    for (const { pointer, value } of nodes()) {
      if (isInSchemaOrExample(pointer) || !('schema' in value)) continue
      validatorAt(`${pointer}/schema`)
    }
  })

  test('has examples that fit their schemas', () => {
    const checked = new Set<string>()
    for (const { pointer, value } of nodes()) {
      if (isInSchemaOrExample(pointer) || !('schema' in value)) continue
      for (const [name, example] of examplesOf(pointer, value)) {
        const validate = validatorAt(`${pointer}/schema`)
        if (!validate(example)) throw new Error(`${pointer} example ${name}:\n${faultsOf(validate, example)}`)
        checked.add(name)
      }
    }
    expect([...checked]).toEqual(expect.arrayContaining(Object.keys(openapi.components['examples'] ?? {})))
  })

  test('has an example for every request body, and no secret', () => {
    for (const { path, method, ...operation } of operations) {
      const { requestBody } = operation as { requestBody?: { required: boolean; content: Record<string, object> } }
      if (!requestBody?.required) continue
      expect([method, path, Object.values(requestBody.content)[0]]).toEqual([
        method,
        path,
        expect.objectContaining({ examples: expect.anything() }),
      ])
    }
    const text = JSON.stringify(openapi)
    expect(text).not.toMatch(/\b[rs]k_(live|test)_\w/)
    expect(text).not.toMatch(/\beyJ[\w-]+\.[\w-]+\.[\w-]+/)
  })
})

describe('an answer that is not as described', () => {
  const flows = '/data/foundation/flowservice/flows'
  const gateway = { error_code: '403010', message: 'Oauth token is missing.' }

  test.each<[string, string, string, number, unknown, RegExp]>([
    [
      'lacks a member',
      'get',
      `${flows}/x`,
      200,
      { items: [{ id: 'x' }] },
      /GET .*\/flows\/x answered 200[^]*createdAt/,
    ],
    ['has no whole entities', 'get', `${flows}?limit=1`, 200, { items: [{ id: ID }], _links: {} }, /createdAt/],
    ['has another status', 'get', flows, 418, {}, /listFlows knows 200, 400/],
    ['has a body too many', 'delete', `${flows}/x`, 204, {}, /the description has none/],
    ['has no body', 'get', flows, 200, undefined, /must be/],
    ['has an error of another status', 'get', flows, 401, gateway, /401013/],
    ['adds to a gateway error', 'get', flows, 403, { ...gateway, status: 403 }, /additional/],
    ['is one of an unknown operation', 'put', flows, 200, {}, /405 was due/],
    ['is one of an unknown path', 'get', '/none', 200, {}, /404 was due/],
  ])('is refused when it %s', (_name, method, path, status, body, message) => {
    expect(() => checkAnswer(method, path, status, body)).toThrow(message)
  })

  test('may be cut down only where that was asked for', () => {
    const body = { items: [{ id: ID, name: 'x' }], _links: {} }
    expect(() => checkAnswer('GET', `${flows}?property=name`, 200, body)).not.toThrow()
    expect(() => checkAnswer('GET', `${flows}?property=name==x`, 200, body)).toThrow(/createdAt/)
  })
})

/** Every object of the document with its JSON Pointer. */
function* nodes(
  value: unknown = openapi,
  pointer = '',
): Generator<{ pointer: string; value: Record<string, unknown> }> {
  if (typeof value !== 'object' || value === null) return
  if (!Array.isArray(value)) yield { pointer, value: value as Record<string, unknown> }
  for (const [name, member] of Object.entries(value)) yield* nodes(member, pointer + pointerTo(name))
}

/** Where a member called `$ref` is data and no reference. */
function isInExample(pointer: string): boolean {
  return /^\/components\/examples\/\w+\/value\b|\/example\b/.test(pointer)
}

/** Where a member called `schema` is data and no part of the description. */
function isInSchemaOrExample(pointer: string): boolean {
  return /^\/components\/(schemas|examples)\/|\/(schema|example|examples)(\/|$)/.test(pointer)
}

function* examplesOf(pointer: string, owner: Record<string, unknown>): Generator<[string, unknown]> {
  if ('example' in owner) yield ['example', owner['example']]
  for (const name of Object.keys(owner['examples'] ?? {})) {
    const { value } = resolve(`${pointer}/examples${pointerTo(name)}`).value as { value: unknown }
    yield [name, value]
  }
}

function parametersAt(pointer: string): readonly { readonly name: string; readonly in: string }[] {
  const owner = resolve(pointer.slice(0, pointer.lastIndexOf('/'))).value as { parameters?: readonly unknown[] }
  return (owner.parameters ?? []).map(
    (_, index) => resolve(`${pointer}/${index}`).value as { name: string; in: string },
  )
}

const REFERENCE = {
  type: 'object',
  required: ['$ref'],
  properties: { $ref: { type: 'string', pattern: '^#/components/' } },
  additionalProperties: false,
}
const orReference = (form: object) => ({ if: { required: ['$ref'] }, then: REFERENCE, else: form })
const mapOf = (form: object) => ({ type: 'object', additionalProperties: form })
const SCHEMA = { $ref: 'https://json-schema.org/draft/2020-12/schema' }
const EXAMPLES = mapOf(
  orReference({
    type: 'object',
    required: ['value'],
    properties: { summary: { type: 'string' }, value: {} },
    additionalProperties: false,
  }),
)
const VALUE = { description: { type: 'string' }, schema: SCHEMA, example: {}, examples: EXAMPLES }
const CONTENT = mapOf({
  type: 'object',
  required: ['schema'],
  properties: { schema: SCHEMA, example: {}, examples: EXAMPLES },
  additionalProperties: false,
})
const PARAMETER = orReference({
  type: 'object',
  required: ['name', 'in', 'schema'],
  properties: {
    ...VALUE,
    name: { type: 'string', minLength: 1 },
    in: { enum: ['query', 'header', 'path', 'cookie'] },
    required: { type: 'boolean' },
    style: { enum: ['form', 'simple'] },
    explode: { type: 'boolean' },
  },
  additionalProperties: false,
  not: { required: ['example', 'examples'] },
  if: { properties: { in: { const: 'path' } } },
  then: { required: ['required'], properties: { required: { const: true } } },
})
const HEADERS = mapOf(
  orReference({ type: 'object', required: ['schema'], properties: VALUE, additionalProperties: false }),
)
const RESPONSE = orReference({
  type: 'object',
  required: ['description'],
  properties: { description: { type: 'string', minLength: 1 }, headers: HEADERS, content: CONTENT },
  additionalProperties: false,
})
const OPERATION = {
  type: 'object',
  required: ['operationId', 'tags', 'summary', 'responses'],
  properties: {
    operationId: { type: 'string', pattern: '^[a-z][A-Za-z0-9]+$' },
    tags: { type: 'array', minItems: 1, items: { type: 'string' } },
    summary: { type: 'string' },
    description: { type: 'string', minLength: 1 },
    deprecated: { const: true },
    security: { type: 'array', maxItems: 0 },
    parameters: { type: 'array', items: PARAMETER },
    requestBody: {
      type: 'object',
      required: ['required', 'content'],
      properties: { required: { type: 'boolean' }, description: { type: 'string' }, content: CONTENT },
      additionalProperties: false,
    },
    responses: {
      type: 'object',
      minProperties: 1,
      patternProperties: { '^[1-5]\\d\\d$': RESPONSE },
      additionalProperties: false,
    },
  },
  additionalProperties: false,
}
const SECURITY_SCHEME = {
  type: 'object',
  required: ['type'],
  oneOf: [
    { properties: { type: { const: 'http' } }, required: ['scheme'] },
    { properties: { type: { const: 'apiKey' }, in: { const: 'header' } }, required: ['name', 'in'] },
  ],
}

/** The form of an OpenAPI 3.1 document, as far as this one uses it; whatever is not here is refused. */
const OPENAPI_FORM = {
  type: 'object',
  required: ['openapi', 'info', 'servers', 'security', 'tags', 'paths', 'components'],
  properties: {
    openapi: { type: 'string', pattern: '^3\\.1\\.\\d+$' },
    info: {
      type: 'object',
      required: ['title', 'version', 'description', 'license'],
      properties: { title: { type: 'string' }, version: { type: 'string' }, summary: { type: 'string' } },
    },
    servers: { type: 'array', items: { type: 'object', required: ['url'] } },
    security: { type: 'array', items: mapOf({ type: 'array', items: { type: 'string' } }) },
    tags: { type: 'array', items: { type: 'object', required: ['name', 'description'] } },
    paths: {
      type: 'object',
      patternProperties: {
        '^/': {
          type: 'object',
          properties: {
            parameters: { type: 'array', items: PARAMETER },
            ...Object.fromEntries(METHODS.map((method) => [method, OPERATION])),
          },
          additionalProperties: false,
        },
      },
      additionalProperties: false,
    },
    components: {
      type: 'object',
      properties: {
        securitySchemes: mapOf(SECURITY_SCHEME),
        parameters: mapOf(PARAMETER),
        headers: HEADERS,
        responses: mapOf(RESPONSE),
        schemas: mapOf(SCHEMA),
        examples: EXAMPLES,
      },
      additionalProperties: false,
    },
  },
  additionalProperties: false,
}
