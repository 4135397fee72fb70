import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { createSchemaTypes, typeAt, typeNameAt } from '../../src/registry/schema-types.ts'
import type { SchemaType } from '../../src/registry/schema-types.ts'
import { tenantNameOf } from '../../src/registry/tenant-name.ts'
import { ACME, GLOBEX, startTestHost } from '../support/test-host.ts'
import type { TestHost } from '../support/test-host.ts'

const REGISTRY = '/data/foundation/schemaregistry'
const tenant = { orgId: ACME.orgId, sandboxName: 'prod' }
const own = `_${tenantNameOf(ACME.orgId)}`

let host: TestHost
let schema: { $id: string; 'meta:altId': string }
let types: SchemaType | null
beforeAll(async () => {
  host = await startTestHost()
  const fields = {
    amount: { type: 'integer' },
    fee: { type: 'number' },
    captured: { type: 'boolean' },
    paidAt: { type: 'string', format: 'date-time' },
    open: {},
    note: { type: ['null', 'string'], enum: ['a', null] },
    old: { type: 'string', 'meta:status': 'deprecated' },
    constructor: { type: 'string' },
    lines: { type: 'array', items: { type: 'object', properties: { price: { type: 'integer' } } } },
    matrix: { type: 'array', items: { type: 'array', items: { type: 'number' } } },
  }
  const group = await host.api
    .post(`${REGISTRY}/tenant/fieldgroups`, {
      type: 'object',
      title: 'Stripe fields',
      definitions: { custom: { properties: { [own]: { type: 'object', properties: fields } } } },
      allOf: [{ $ref: '#/definitions/custom' }],
    })
    .expect(201)
  const refs = [
    'https://ns.adobe.com/xdm/context/experienceevent',
    'https://ns.adobe.com/xdm/context/profile-person-details',
    group.body.$id,
  ]
  const response = await host.api
    .post(`${REGISTRY}/tenant/schemas`, { type: 'object', title: 'Charges', allOf: refs.map(($ref) => ({ $ref })) })
    .expect(201)
  schema = response.body
  types = await createSchemaTypes(host.host.context.store).typeOf(tenant, schema.$id)
})
afterAll(() => host.stop())

test.each([
  ['_id', 'string'],
  ['timestamp', 'date-time'],
  ['person', 'object'],
  ['person.birthDate', 'date'],
  ['person.birthYear', 'integer'],
  ['person.name.firstName', 'string'],
  ['identityMap', 'object'],
  ['identityMap.Email', 'array'],
  ['identityMap.Email[0].id', 'string'],
  ['identityMap.Email[*].primary', 'boolean'],
  [`${own}.amount`, 'integer'],
  [`${own}.fee`, 'number'],
  [`${own}.captured`, 'boolean'],
  [`${own}.paidAt`, 'date-time'],
  [`${own}.open`, 'any'],
  [`${own}.note`, 'string'],
  [`${own}.old`, 'string'],
  [`${own}.constructor`, 'string'],
  [`${own}.lines`, 'array'],
  [`${own}.lines[2]`, 'object'],
  [`${own}.lines[*].price`, 'integer'],
  [`${own}.lines.price`, 'integer'],
  [`${own}.matrix[0][1]`, 'number'],
  [`${own}.amount.x`, null],
  [`${own}.amount[0]`, null],
  [`${own}.toString`, null],
  ['__proto__', null],
  ['no.such.field', null],
  ['', null],
])('the type of %s is %s', (path, name) => {
  expect(typeNameAt(types, path)).toBe(name)
})

test('a path may come as segments, and a field tells its allowed values', () => {
  expect(typeAt(types, [own, 'lines', '[0]', 'price'])?.type).toBe('integer')
  expect(typeAt(types, [])).toBe(types)
  expect(typeAt(types, [own, 'note'])).toEqual({ types: ['null', 'string'], type: 'string', enum: ['a', null] })
})

test('a schema is known by both ids, and only to its tenant', async () => {
  const { typeOf } = createSchemaTypes(host.host.context.store)
  expect(await typeOf(tenant, schema['meta:altId'])).toEqual(types)
  expect(await typeOf({ orgId: GLOBEX.orgId, sandboxName: 'prod' }, schema.$id)).toBeNull()
  expect(await typeOf({ ...tenant, sandboxName: 'dev' }, schema.$id)).toBeNull()
  expect(await typeOf(tenant, 'https://ns.adobe.com/nobody/schemas/0123')).toBeNull()
  expect(typeNameAt(null, 'a')).toBeNull()
})
