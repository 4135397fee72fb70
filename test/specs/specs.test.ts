import { describe, expect, test } from '@jest/globals'
import { readFileSync, readdirSync } from 'node:fs'
import { readSpecFile } from '../../src/flow/load-specs.ts'
import { createParameterCompiler } from '../../src/flow/parameter-schema.ts'
import { loadSpecSchema } from '../../src/flow/spec-schema.ts'
import { isJsonObject } from '../../src/json.ts'
import type { JsonObject } from '../../src/json.ts'
import { parseRestSpec } from '../../src/plugins/rest/spec.ts'
import { RESOURCE_PATHS } from '../../src/plugins/stripe/resources.ts'
import { Faults } from '../../src/request-body.ts'
import { readSamples, readSchema, schemaFromSamples } from './build-schemas.ts'

const STRIPE = 'cc2c31d6-7b8c-4581-b49f-5c8698aa3ab3'
const DATA_LAKE = 'c604ff05-7f1a-43c0-8e18-33bf874cb11c'
const XSOLLA = '2563bc2f-3aed-4f53-8942-e13731d11a78'

const SPEC_FILES = [
  'connection-spec.json',
  'specs/data-lake.connection-spec.json',
  'specs/xsolla.connection-spec.json',
  'specs/rest.flow-spec.json',
]
const stripe = readSpecFile('connection-spec.json')
const dataLake = readSpecFile('specs/data-lake.connection-spec.json')
const restFlow = readSpecFile('specs/rest.flow-spec.json')
const xsolla = readSpecFile('specs/xsolla.connection-spec.json')

/** The member that a path of names and indices leads to. */
function at(document: unknown, ...path: (string | number)[]): unknown {
  return path.reduce<unknown>((value, name) => (value as Record<string | number, unknown>)[name], document)
}

describe('the Stripe connection spec', () => {
  test('has the fixed id, name and version that clients look for', () => {
    expect(stripe).toMatchObject({ id: STRIPE, name: 'stripe', version: '1.0', type: 'generic-rest' })
  })

  test('asks for an access token and nothing else', () => {
    expect(stripe['authSpec']).toHaveLength(1)
    expect(at(stripe, 'authSpec', 0)).toMatchObject({ name: 'OAuth2 Refresh Code', type: 'OAuth2RefreshCode' })
    expect(at(stripe, 'authSpec', 0, 'spec', 'required')).toEqual(['accessToken'])
    expect(at(stripe, 'authSpec', 0, 'spec', 'properties', 'accessToken')).toMatchObject({
      type: 'string',
      format: 'password',
    })
  })

  test('names the resource paths of the plugin, in its order', () => {
    expect(at(stripe, 'sourceSpec', 'spec', 'properties', 'resourcePath', 'enum')).toEqual(RESOURCE_PATHS)
    expect(at(stripe, 'sourceSpec', 'spec', 'required')).toEqual(['resourcePath'])
  })

  test("describes Stripe's cursor paging in the documented vocabulary", () => {
    expect(at(stripe, 'sourceSpec', 'attributes', 'paginationParams')).toMatchObject({
      type: 'CONTINUATION_TOKEN',
      parameterType: 'QUERYPARAM',
      parameterName: 'starting_after',
    })
    expect(at(stripe, 'sourceSpec', 'attributes', 'contentPath')).toEqual({
      path: '$.data',
      skipAttributes: ['object', 'url', 'has_more'],
    })
  })

  test('tells clients that drafts are supported and that it is a payments source', () => {
    expect(stripe['attributes']).toMatchObject({ category: 'Payments', isSource: true, isDraftModeSupported: true })
  })

  test('claims nothing that the documentation does not know', () => {
    expect(readFileSync(new URL('../../connection-spec.json', import.meta.url), 'utf8')).not.toMatch(
      /cadence|acceptsBatchSize|CURSOR|filterAtSource/,
    )
  })
})

describe('the Xsolla connection spec', () => {
  test('is one that a client could have posted: the format and the interpreter accept it', () => {
    const faults = new Faults()
    loadSpecSchema().check(faults, 'connectionSpec', xsolla)
    expect(() => faults.throwIfAny()).not.toThrow()
    const parsed = parseRestSpec(xsolla)
    // Notifications have no list.
    const named = at(xsolla, 'sourceSpec', 'spec', 'properties', 'resourcePath', 'enum')
    expect([...parsed.lists.keys(), 'notifications']).toEqual(named)
  })

  test('is named xsolla, calls fixed hosts and masks its secrets', () => {
    expect(xsolla).toMatchObject({ id: XSOLLA, name: 'xsolla', version: '1.0', type: 'generic-rest' })
    const { list, lists, auth } = parseRestSpec(xsolla)
    expect([list, ...lists.values()].map(({ url }) => url.host)).toEqual([
      'https://subscriptions.xsolla.com',
      'https://subscriptions.xsolla.com',
      'https://api.xsolla.com/merchant/v2',
      'https://api.xsolla.com/merchant/v2',
    ])
    expect(auth.secretNames).toEqual(expect.arrayContaining(['accessToken', 'password', 'webhookSecret']))
    expect(new Set(auth.names)).toEqual(
      new Set(['accessToken', 'username', 'password', 'webhookSecret', 'userValidationUrl']),
    )
  })
})

test('the data lake spec takes a dataset id', () => {
  expect(dataLake).toMatchObject({ id: DATA_LAKE, name: 'datalake', version: '1.0' })
  expect(at(dataLake, 'targetSpec', 'spec', 'required')).toEqual(['dataSetId'])
})

describe('the flow spec for REST sources', () => {
  test('joins the Stripe and Xsolla sources with the data lake', () => {
    expect(restFlow).toMatchObject({
      id: '6499120c-0b15-42dc-936e-847ea3c24d72',
      name: 'RestStorageToAEP',
      version: '1.0',
      sourceConnectionSpecIds: [STRIPE, XSOLLA],
      targetConnectionSpecIds: [DATA_LAKE],
    })
    expect(restFlow['attributes']).toMatchObject({ isSourceFlow: true, frequency: 'batch' })
  })

  const schedule = createParameterCompiler()(at(restFlow, 'scheduleSpec', 'spec') as JsonObject)

  test.each([
    { startTime: 1, frequency: 'once' },
    { startTime: 1, frequency: 'minute', interval: 15 },
    { startTime: 1, frequency: 'week', interval: 1, backfill: true },
  ])('accepts the schedule %j', (params) => {
    expect(schedule.validate(params)).toEqual([])
  })

  test.each([
    { frequency: 'once' },
    { startTime: 1 },
    { startTime: 1, frequency: 'once', interval: 1 },
    { startTime: 1, frequency: 'once', backfill: true },
    { startTime: 1, frequency: 'minute', interval: 14 },
    { startTime: 1, frequency: 'hour' },
    { startTime: 1, frequency: 'day', interval: 0 },
    { startTime: 1, frequency: 'month', interval: 1 },
  ])('refuses the schedule %j', (params) => {
    expect(schedule.validate(params)).not.toEqual([])
  })
})

test.each(SPEC_FILES)('every schema in %s is a draft-07 schema of an object', (file) => {
  const schemas = draft07Schemas(readSpecFile(file))
  expect(schemas.length).toBeGreaterThan(0)
  for (const schema of schemas) {
    expect(schema['type']).toBe('object')
    expect(() => createParameterCompiler()(schema)).not.toThrow()
  }
})

test.each(SPEC_FILES)('%s says who may see and change it, as lists', (file) => {
  expect(readSpecFile(file)['permissionsInfo']).toEqual({
    manage: [{ '@type': 'lowLevel', name: 'EnterpriseSource', permissions: ['write'] }],
    view: [{ '@type': 'lowLevel', name: 'EnterpriseSource', permissions: ['read'] }],
  })
})

describe('the built-in schemas', () => {
  test('exist for the resource paths of the plugin and for no others', () => {
    const files = readdirSync(new URL('../../specs/schemas/', import.meta.url))
    expect(files.sort()).toEqual(RESOURCE_PATHS.map((path) => `${path}.json`).sort())
  })

  test.each(RESOURCE_PATHS)('%s is what inference makes of the samples', (resourcePath) => {
    expect(readSchema(resourcePath)).toEqual(schemaFromSamples(resourcePath))
  })

  test.each(RESOURCE_PATHS)('%s wraps the attributes of every sample in data', (resourcePath) => {
    const attributes = Object.keys(at(readSchema(resourcePath), 'properties', 'data', 'properties') as object)
    expect(attributes).toEqual(expect.arrayContaining(readSamples(resourcePath).flatMap(Object.keys)))
  })

  test('leave out what Stripe sends only on request', () => {
    expect(at(readSchema('charges'), 'properties', 'data', 'properties')).not.toHaveProperty('refunds')
  })

  test('know the billing period of old and of new subscriptions', () => {
    const periodEnd = { type: 'integer' }
    const data = at(readSchema('subscriptions'), 'properties', 'data', 'properties')
    expect(at(data, 'current_period_end')).toMatchObject(periodEnd)
    const items = ['items', 'properties', 'data', 'items', 'properties'] as const
    expect(at(data, ...items, 'current_period_end')).toMatchObject(periodEnd)
  })
})

/** Every object that declares itself a schema, at any depth. */
function draft07Schemas(value: unknown): readonly JsonObject[] {
  if (typeof value !== 'object' || value === null) return []
  if (isJsonObject(value) && '$schema' in value) return [value]
  return Object.values(value).flatMap(draft07Schemas)
}
