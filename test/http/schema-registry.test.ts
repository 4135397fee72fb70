import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import { CATALOG, createDataSet, NOW, startFlowHost } from '../support/flow-host.ts'
import type { FlowHost } from '../support/flow-host.ts'
import { ACME, GLOBEX } from '../support/test-host.ts'
import type { TestApi } from '../support/test-host.ts'

const REGISTRY = '/data/foundation/schemaregistry'
const SCHEMAS = `${REGISTRY}/tenant/schemas`
const GROUPS = `${REGISTRY}/tenant/fieldgroups`
const PROFILE = 'https://ns.adobe.com/xdm/context/profile'
const EVENT = 'https://ns.adobe.com/xdm/context/experienceevent'
const PERSON_DETAILS = 'https://ns.adobe.com/xdm/context/profile-person-details'
const UNKNOWN = 'https://ns.adobe.com/nobody/mixins/0123'
const XED = 'application/vnd.adobe.xed+json; version=1'
const FULL = 'application/vnd.adobe.xed-full+json; version=1'

/** About 600 kB of JSON. */
const WORDS = Array.from({ length: 60_000 }, (_, at) => `w${at}`)

let host: FlowHost
let tenantId: string
beforeAll(async () => {
  host = await startFlowHost()
  tenantId = (await host.api.get(`${REGISTRY}/stats`).expect(200)).body.tenantId
})
afterAll(() => host.stop())

const one = (all: string, id: string) => `${all}/${encodeURIComponent(id)}`
const schemaBody = (...refs: string[]) => ({
  type: 'object',
  title: 'Stripe charges',
  allOf: [PROFILE, ...refs].map(($ref) => ({ $ref })),
})
const groupBody = (fields: object) => ({
  type: 'object',
  title: 'Stripe fields',
  'meta:intendedToExtend': [PROFILE],
  definitions: { custom: { properties: { [`_${tenantId}`]: { type: 'object', properties: fields } } } },
  allOf: [{ $ref: '#/definitions/custom' }],
})
const make = async (all: string, body: unknown, api: TestApi = host.api) => (await api.post(all, body).expect(201)).body
const lookup = async (id: string, accept = XED, all = SCHEMAS) =>
  (await host.api.get(one(all, id)).set('Accept', accept).expect(200)).body

describe('creating a schema', () => {
  test('answers the whole resource', async () => {
    const response = await host.api.post(SCHEMAS, schemaBody(PERSON_DETAILS)).expect(201)
    const { $id } = response.body
    expect($id).toMatch(new RegExp(`^https://ns\\.adobe\\.com/${tenantId}/schemas/[0-9a-f]{48}$`))
    expect(response.headers['location']).toBe(one(SCHEMAS, $id))
    expect(response.body).toEqual({
      $id,
      'meta:altId': `_${tenantId}.schemas.${$id.slice(-48)}`,
      'meta:resourceType': 'schemas',
      version: '1.0',
      title: 'Stripe charges',
      type: 'object',
      description: '',
      allOf: [PROFILE, PERSON_DETAILS].map(($ref) => ({ $ref, type: 'object', 'meta:xdmType': 'object' })),
      refs: expect.arrayContaining([PROFILE, PERSON_DETAILS]),
      imsOrg: ACME.orgId,
      'meta:extensible': false,
      'meta:abstract': false,
      'meta:extends': [
        PROFILE,
        'https://ns.adobe.com/xdm/common/auditable',
        'https://ns.adobe.com/xdm/data/record',
        PERSON_DETAILS,
      ],
      'meta:xdmType': 'object',
      'meta:class': PROFILE,
      'meta:containerId': 'tenant',
      'meta:sandboxId': expect.stringMatching(/^[0-9a-f-]{36}$/),
      'meta:sandboxType': 'production',
      'meta:tenantNamespace': `_${tenantId}`,
      'meta:registryMetadata': {
        'repo:createdDate': NOW,
        'repo:lastModifiedDate': NOW,
        'xdm:createdClientId': ACME.clientId,
        'xdm:lastModifiedClientId': ACME.clientId,
        'xdm:createdUserId': expect.stringContaining('@techacct.adobe.com'),
        'xdm:lastModifiedUserId': expect.stringContaining('@techacct.adobe.com'),
        eTag: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
    })
  })

  test('takes the members that a tutorial sends, and inline fields', async () => {
    const schema = await make(SCHEMAS, {
      ...schemaBody(),
      description: 'From a tutorial',
      'meta:containerId': 'global',
      'meta:resourceType': 'schemas',
      'meta:xdmType': 'object',
      'meta:class': EVENT,
      version: '7.0',
      $id: 'mine',
      unknown: 1,
      properties: { amount: { type: 'integer', title: 'Amount' } },
    })
    expect(schema).toMatchObject({
      version: '1.0',
      description: 'From a tutorial',
      'meta:class': PROFILE,
      'meta:containerId': 'tenant',
      properties: { amount: { type: 'integer', title: 'Amount' } },
    })
    expect(schema.$id).not.toBe('mine')
    expect(schema).not.toHaveProperty('unknown')
  })

  test.each([
    ['no title', { title: undefined }, '/title'],
    ['a title of blanks', { title: '  ' }, '/title'],
    ['a title that is a number', { title: 5 }, '/title'],
    ['no type', { type: undefined }, '/type'],
    ['another type', { type: 'string' }, '/type'],
    ['a description that is an object', { description: {} }, '/description'],
    ['no allOf', { allOf: undefined }, '/allOf'],
    ['an empty allOf', { allOf: [] }, '/allOf'],
    ['an allOf that is an object', { allOf: { $ref: PROFILE } }, '/allOf'],
    ['an allOf of texts', { allOf: [PROFILE] }, '/allOf/0'],
    ['no class', { allOf: [{ $ref: PERSON_DETAILS }] }, '/allOf'],
    ['two classes', { allOf: [{ $ref: PROFILE }, { $ref: EVENT }] }, '/allOf'],
    ['a reference to nothing', { allOf: [{ $ref: PROFILE }, { $ref: UNKNOWN }] }, '/allOf/1/$ref'],
    [
      'a data type in allOf',
      { allOf: [{ $ref: PROFILE }, { $ref: 'https://ns.adobe.com/xdm/context/person' }] },
      '/allOf',
    ],
    ['a definition that is missing', { allOf: [{ $ref: PROFILE }, { $ref: '#/definitions/x' }] }, '/allOf/1/$ref'],
    ['properties that are an array', { properties: [] }, '/properties'],
    ['a field that is a text', { properties: { a: 'string' } }, '/properties/a'],
    ['a field of an unknown type', { properties: { a: { type: 'money' } } }, '/properties/a/type'],
    [
      'a deep field of an unknown type',
      { properties: { a: { properties: { b: { type: 7 } } } } },
      '/properties/a/properties/b/type',
    ],
    ['a reference that is a number', { properties: { a: { $ref: 1 } } }, '/properties/a/$ref'],
    ['a field that refers to nothing', { properties: { a: { $ref: UNKNOWN } } }, '/properties/a/$ref'],
    ['a required that is a text', { required: 'a' }, '/required'],
    ['tags that are numbers', { 'meta:immutableTags': [1] }, '/meta:immutableTags'],
    ['a type that is a huge list', { properties: { a: { type: WORDS } } }, '/properties/a/type'],
    ['huge numbers of faults', { properties: Object.fromEntries(WORDS.map((word) => [word, 1])) }, '/properties/w0'],
  ])('refuses %s and stores nothing', async (_, change, path) => {
    const { entities } = host.host.context.store
    const tenant = { orgId: ACME.orgId, sandboxName: 'prod' }
    const before = await entities.count(tenant, 'schemas', [])
    const { body } = await host.api.post(SCHEMAS, { ...schemaBody(), ...change }).expect(400)
    expect(body).toMatchObject({ type: 'http://ns.adobe.com/aep/errors/XDM-1020-400', status: 400 })
    expect(body.report.errors.map((fault: { path: string }) => fault.path)).toContain(path)
    expect(await entities.count(tenant, 'schemas', [])).toBe(before)
  })

  test('refuses a member called __proto__ inside and drops one at the top', async () => {
    const send = (text: string) => host.api.post(SCHEMAS).set('Content-Type', 'application/json').send(text)
    const body = JSON.stringify({ ...schemaBody(), properties: { a: { type: 'string' } } })
    const inside = await send(body.replace('"a"', '"__proto__"')).expect(400)
    expect(inside.body.report.errors[0].path).toBe('/properties/__proto__')
    const top = await send(body.replace('{', '{"__proto__":{"title":"polluted"},')).expect(201)
    expect(top.body.title).toBe('Stripe charges')
    expect(Object.hasOwn(top.body, '__proto__')).toBe(false)
  })

  test('refuses what is no schema at all, in the shape of the registry', async () => {
    const codeOf = async (body: unknown, status: number) =>
      (await host.api.post(SCHEMAS, body).expect(status)).body.type
    expect(await codeOf([], 400)).toBe('http://ns.adobe.com/aep/errors/XDM-1000-400')
    expect(await codeOf(undefined, 400)).toBe('http://ns.adobe.com/aep/errors/XDM-1405-400')
    expect(await codeOf({ ...schemaBody(), description: 'x'.repeat(2 ** 20) }, 413)).toMatch(/XDM-1000-413$/)
    const damaged = await host.api.post(SCHEMAS).set('Content-Type', 'application/json').send('{"a":').expect(400)
    expect(damaged.body).toMatchObject({ errorCode: '1000-400', report: { 'sub-errors': [] } })
    const text = await host.api.post(SCHEMAS).set('Content-Type', 'text/plain').send('{}').expect(415)
    expect(text.body.type).toMatch(/XDM-1004-415$/)
  })

  test('refuses references that would unfold without end or measure', async () => {
    const definitions: Record<string, object> = { d40: { properties: { x: { type: 'string' } } } }
    for (let level = 0; level < 40; level++) {
      const $ref = `#/definitions/d${level + 1}`
      definitions[`d${level}`] = { properties: { a: { $ref }, b: { $ref } } }
    }
    const { body } = await host.api.post(SCHEMAS, {
      ...schemaBody(),
      definitions,
      properties: { a: { $ref: '#/definitions/d0' } },
    })
    expect(body).toMatchObject({ errorCode: '1413-400', status: 400 })

    const chain = Object.fromEntries(
      Array.from({ length: 5000 }, (_, at) => [`d${at}`, { $ref: `#/definitions/d${Math.min(at + 1, 4999)}` }]),
    )
    const long = await host.api.post(SCHEMAS, {
      ...schemaBody(),
      definitions: chain,
      properties: { a: { $ref: '#/definitions/d0' } },
    })
    expect(long.body).toMatchObject({ errorCode: '1413-400', status: 400 })
  })
})

describe('looking up a resource', () => {
  test('knows it by encoded $id and by alternative id, with a slash behind it, but not in the other container', async () => {
    const schema = await make(SCHEMAS, schemaBody())
    const encoded = `${SCHEMAS}/${schema.$id.replaceAll(':', '%3A').replaceAll('/', '%2F')}`
    expect((await host.api.get(encoded).expect(200)).body).toEqual(schema)
    expect((await host.api.get(`${encoded.replaceAll('%2F', '%2f')}/`).expect(200)).body).toEqual(schema)
    expect((await host.api.get(`${SCHEMAS}/${schema['meta:altId']}`).expect(200)).body).toEqual(schema)
    await host.api.get(one(`${REGISTRY}/global/schemas`, schema.$id)).expect(404)
    await host.api.get(one(GROUPS, schema.$id)).expect(404)
    await host.api.get(one(`${REGISTRY}/tenant/classes`, PROFILE)).expect(404)
    expect((await host.api.get(`${REGISTRY}/global/classes/_xdm.context.profile`).expect(200)).body.$id).toBe(PROFILE)
  })

  test.each([
    ['schemas', '1012-404'],
    ['fieldgroups', '1011-404'],
    ['mixins', '1011-404'],
    ['classes', '1010-404'],
    ['datatypes', '1013-404'],
  ])('answers an unknown id among %s with %s', async (kind, code) => {
    for (const container of ['global', 'tenant']) {
      for (const id of [UNKNOWN, '_x.y.z', 'x', '__proto__', 'https://ns.adobe.com/' + 'x'.repeat(3000)]) {
        const { body } = await host.api.get(one(`${REGISTRY}/${container}/${kind}`, id)).expect(404)
        expect(body).toMatchObject({
          type: `http://ns.adobe.com/aep/errors/XDM-${code}`,
          title: 'Resource not found',
          status: 404,
          errorCode: code,
          report: { registryRequestId: expect.any(String), timestamp: '07-01-2026 12:00:00', 'sub-errors': [] },
        })
        expect(body.report['detailed-message']).toBe(body.detail)
        expect(body.message).toBe(body.detail)
      }
    }
  })

  test.each([
    undefined,
    '*/*',
    'application/json',
    'text/html, application/json;q=0.9',
    'application/vnd.adobe.xed+json',
    'application/vnd.adobe.xdm+json;version=1',
    'application/vnd.adobe.xed+json; version=1.0',
    'application/vnd.adobe.xed-id+json',
    'Application/Vnd.Adobe.XED+json; Version=1',
  ])('Accept %s gives the plain form', async (accept) => {
    const { $id } = await make(SCHEMAS, schemaBody())
    const request = host.api.get(one(SCHEMAS, $id))
    const { body } = await (accept === undefined ? request.unset('Accept') : request.set('Accept', accept)).expect(200)
    expect(body.allOf[0].$ref).toBe(PROFILE)
    expect(body).not.toHaveProperty('properties')
  })

  test.each([
    'xed-full',
    'xdm-full',
    'xdm-full-desc',
    'xdm-full-desc-flat-deprecated',
    'xed-full-deprecatedfield',
    'xed-full-notext',
  ])('Accept %s puts the references in place', async (variant) => {
    const { $id } = await make(SCHEMAS, schemaBody(PERSON_DETAILS))
    const body = await lookup($id, `application/vnd.adobe.${variant}+json; version=1`)
    expect(body).not.toHaveProperty('allOf')
    expect(JSON.stringify(body)).not.toContain('"$ref"')
    const field = variant.includes('flat')
      ? body.properties['person.name.firstName']
      : body.properties.person.properties.name.properties.firstName
    expect(field).toMatchObject({ type: 'string', 'meta:xdmType': 'string' })
    expect('title' in body).toBe(!variant.includes('notext'))
    expect('title' in field).toBe(!variant.includes('notext'))
    expect('meta:descriptors' in body).toBe(variant.includes('desc'))
  })

  test('Accept with notext leaves out texts, not a field called title', async () => {
    const { $id } = await make(SCHEMAS, { ...schemaBody(), properties: { title: { type: 'string', title: 'Title' } } })
    const body = await lookup($id, 'application/vnd.adobe.xed-notext+json; version=1')
    expect(body).not.toHaveProperty('title')
    expect(body.properties).toEqual({ title: { type: 'string' } })
  })

  test('a deprecated field shows only when asked for', async () => {
    const properties = { old: { type: 'string', 'meta:status': 'deprecated' }, now: { type: 'string' } }
    const { $id } = await make(SCHEMAS, { ...schemaBody(), properties })
    expect((await lookup($id, FULL)).properties).not.toHaveProperty('old')
    const shown = await lookup($id, 'application/vnd.adobe.xed-full-deprecated+json; version=1')
    expect(shown.properties).toHaveProperty('old')
  })

  test.each([
    'text/plain',
    'application/vnd.adobe.xyz+json; version=1',
    'application/vnd.adobe.xed-fullest+json; version=1',
    'application/vnd.adobe.xed+json; version=one',
    'application/vnd.adobe.xed+json; version=1; version=2',
    'application/vnd.adobe.xed+xml; version=1',
  ])('Accept %s is refused', async (accept) => {
    const { body } = await host.api
      .get(one(`${REGISTRY}/global/classes`, PROFILE))
      .set('Accept', accept)
      .expect(400)
    expect(body).toMatchObject({ type: 'http://ns.adobe.com/aep/errors/XDM-1007-400', title: 'Accept header invalid' })
  })

  test.each(['2', '0', '1.1', '999999'])('version %s, which does not exist, is 406', async (version) => {
    const accept = `application/vnd.adobe.xed-full+json;version=${version}`
    const { body } = await host.api
      .get(one(`${REGISTRY}/global/classes`, EVENT))
      .set('Accept', accept)
      .expect(406)
    expect(body).toMatchObject({ status: 406, errorCode: '1007-406' })
  })

  test('a circle of references ends where it closes', async () => {
    const definitions = {
      node: { type: 'object', properties: { label: { type: 'string' }, child: { $ref: '#/definitions/node' } } },
    }
    const { $id } = await make(SCHEMAS, {
      ...schemaBody(),
      definitions,
      properties: { tree: { $ref: '#/definitions/node' } },
    })
    const { tree } = (await lookup($id, FULL)).properties
    expect(tree.properties.label.type).toBe('string')
    expect(tree.properties.child).toMatchObject({ type: 'object' })
    expect(tree.properties.child).not.toHaveProperty('properties')
  })
})

describe('field groups', () => {
  test('carry custom fields into schemas, whose full form follows their changes', async () => {
    const group = await make(
      GROUPS,
      groupBody({ amount: { type: 'integer' }, paidAt: { type: 'string', format: 'date-time' } }),
    )
    expect(group).toMatchObject({
      $id: expect.stringMatching(new RegExp(`/${tenantId}/mixins/[0-9a-f]{48}$`)),
      'meta:altId': `_${tenantId}.mixins.${group.$id.slice(-48)}`,
      'meta:resourceType': 'mixins',
      version: '1.0',
      'meta:intendedToExtend': [PROFILE],
      'meta:extends': [],
    })
    const schema = await make(SCHEMAS, schemaBody(group.$id))
    expect(schema['meta:extends']).toContain(group.$id)
    const { properties } = await lookup(schema.$id, FULL)
    expect(properties).toHaveProperty('_id')
    expect(properties[`_${tenantId}`].properties).toEqual({
      amount: { type: 'integer', 'meta:xdmType': 'int' },
      paidAt: { type: 'string', format: 'date-time', 'meta:xdmType': 'date-time' },
    })

    const path = `/definitions/custom/properties/_${tenantId}/properties/fee`
    const patched = await host.api
      .patch(one(GROUPS, group.$id), [{ op: 'add', path, value: { type: 'number' } }])
      .expect(200)
    expect(patched.body.version).toBe('1.1')
    expect((await lookup(schema.$id, FULL)).properties[`_${tenantId}`].properties).toHaveProperty('fee')
  })

  test('are the same under their old name', async () => {
    const all = `${REGISTRY}/tenant/mixins`
    const group = await make(all, groupBody({}))
    expect((await host.api.get(one(GROUPS, group.$id)).expect(200)).body).toEqual(group)
    await host.api.put(one(all, group.$id), { ...groupBody({}), title: 'New' }).expect(200)
    await host.api.patch(one(all, group.$id), [{ op: 'remove', path: '/description' }]).expect(200)
    expect((await host.api.get(`${all}/`).expect(200)).body.results.map(({ $id }: { $id: string }) => $id)).toContain(
      group.$id,
    )
    await host.api.delete(one(all, group.$id)).expect(204)
    await host.api.get(one(GROUPS, group.$id)).expect(404)
  })

  test('that a schema uses are not deleted', async () => {
    const group = await make(GROUPS, groupBody({}))
    const schema = await make(SCHEMAS, schemaBody(group.$id))
    const { body } = await host.api.delete(one(GROUPS, group.$id)).expect(400)
    expect(body).toMatchObject({ errorCode: '1447-400', detail: expect.stringContaining(schema.$id) })
    await host.api.patch(one(SCHEMAS, schema.$id), [{ op: 'remove', path: '/allOf/1' }]).expect(200)
    await host.api.delete(one(GROUPS, group.$id)).expect(204)
  })

  test('that refer to each other still resolve', async () => {
    const first = await make(GROUPS, groupBody({ a: { type: 'string' } }))
    const second = await make(GROUPS, {
      ...groupBody({ b: { type: 'string' } }),
      allOf: [{ $ref: '#/definitions/custom' }, { $ref: first.$id }],
    })
    await host.api
      .patch(one(GROUPS, first.$id), [{ op: 'add', path: '/allOf/-', value: { $ref: second.$id } }])
      .expect(200)
    const schema = await make(SCHEMAS, schemaBody(first.$id))
    expect(Object.keys((await lookup(schema.$id, FULL)).properties[`_${tenantId}`].properties).sort()).toEqual([
      'a',
      'b',
    ])
  })

  test('cannot refer to a schema, to nothing, or be a class', async () => {
    const schema = await make(SCHEMAS, schemaBody())
    for (const $ref of [schema.$id, UNKNOWN]) {
      await host.api.post(GROUPS, { ...groupBody({}), allOf: [{ $ref }] }).expect(400)
    }
    await host.api.post(SCHEMAS, { ...schemaBody(), allOf: [{ $ref: PROFILE }, { $ref: schema.$id }] }).expect(400)
  })
})

describe('changing a schema', () => {
  test('PUT writes all of it anew under the same id, PATCH parts of it; each raises the version', async () => {
    const schema = await make(SCHEMAS, { ...schemaBody(), description: 'Old', properties: { a: { type: 'string' } } })
    host.clock.time += 1000
    const put = await host.api
      .put(one(SCHEMAS, schema.$id), { ...schemaBody(PERSON_DETAILS), title: 'New', $id: 'x' })
      .expect(200)
    expect(put.body).toMatchObject({ $id: schema.$id, version: '1.1', title: 'New', description: '' })
    expect(put.body).not.toHaveProperty('properties')
    expect(put.body['meta:registryMetadata']).toMatchObject({
      'repo:createdDate': NOW,
      'repo:lastModifiedDate': NOW + 1000,
    })
    expect(put.body['meta:registryMetadata'].eTag).not.toBe(schema['meta:registryMetadata'].eTag)

    const operations = [
      { op: 'Replace', path: '/title', value: 'Newer' },
      { op: 'test', path: '/title', value: 'Newer' },
      { op: 'add', path: '/properties', value: { b: { type: 'string' } } },
      { op: 'copy', from: '/properties/b', path: '/properties/c' },
      { op: 'move', from: '/properties/b', path: '/properties/d' },
      { op: 'remove', path: '/allOf/1' },
      { op: 'add', path: '/meta:immutableTags-', value: 'union' },
    ]
    const patched = await host.api.patch(one(SCHEMAS, schema.$id), operations).expect(200)
    expect(patched.body).toMatchObject({ version: '1.2', title: 'Newer', 'meta:immutableTags': ['union'] })
    expect(Object.keys(patched.body.properties)).toEqual(['c', 'd'])
    expect(patched.body.allOf).toHaveLength(1)
    expect(await lookup(schema.$id, 'application/vnd.adobe.xed+json; version=1.1')).toEqual(patched.body)
    host.clock.time = NOW
  })

  test.each([
    ['no patch', { title: 'x' }],
    ['an empty patch', []],
    ['a patch of texts', ['x']],
    ['an unknown operation', [{ op: 'merge', path: '/title', value: 'x' }]],
    ['no path', [{ op: 'replace', value: 'x' }]],
    ['a path that is no pointer', [{ op: 'replace', path: 'title', value: 'x' }]],
    ['a damaged pointer', [{ op: 'replace', path: '/title~2', value: 'x' }]],
    ['no value', [{ op: 'replace', path: '/title' }]],
    ['the id', [{ op: 'replace', path: '/$id', value: 'x' }]],
    ['the version', [{ op: 'replace', path: '/version', value: '9.0' }]],
    ['the whole', [{ op: 'replace', path: '', value: {} }]],
    ['a place that is not there', [{ op: 'replace', path: '/properties/x/type', value: 'string' }]],
    ['an index that is not there', [{ op: 'remove', path: '/allOf/7' }]],
    ['an index that is no number', [{ op: 'remove', path: '/allOf/length' }]],
    ['a test that fails', [{ op: 'test', path: '/title', value: 'x' }]],
    ['an inherited member', [{ op: 'add', path: '/definitions/toString/x', value: 1 }]],
    ['an inherited place', [{ op: 'add', path: '/definitions/__proto__', value: { polluted: true } }]],
    ['a prototype', [{ op: 'add', path: '/definitions/constructor/prototype/polluted', value: true }]],
    ['a function of an array', [{ op: 'add', path: '/allOf/map/x', value: 1 }]],
    ['the title away', [{ op: 'remove', path: '/title' }]],
    ['the class away', [{ op: 'remove', path: '/allOf/0' }]],
    ['a reference to nothing', [{ op: 'add', path: '/allOf/-', value: { $ref: UNKNOWN } }]],
    [
      'copies of copies',
      Array.from({ length: 60 }, (_, at) => ({ op: 'copy', from: '/definitions', path: `/definitions/d${at}` })),
    ],
  ])('a patch with %s is refused and changes nothing', async (_, operations) => {
    const schema = await make(SCHEMAS, { ...schemaBody(), definitions: { a: { type: 'string' } } })
    const { body } = await host.api.patch(one(SCHEMAS, schema.$id), operations).expect(400)
    expect(body).toMatchObject({ type: expect.stringMatching(/\/XDM-\d{4}-400$/), detail: expect.any(String) })
    expect(await lookup(schema.$id)).toEqual(schema)
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
    expect(Object.prototype.toString).not.toHaveProperty('x')
    expect(Array.prototype.map).not.toHaveProperty('x')
  })

  test('patches cannot make a resource larger or deeper than a body may be', async () => {
    const { $id } = await make(SCHEMAS, { ...schemaBody(), definitions: { a: { enum: [] } } })
    const add = (path: string, value: unknown) => host.api.patch(one(SCHEMAS, $id), [{ op: 'add', path, value }])
    await add('/definitions/a/enum/-', 'x'.repeat(600_000)).expect(200)
    expect((await add('/definitions/a/enum/-', 'x'.repeat(600_000)).expect(400)).body.errorCode).toBe('1020-400')
    const deep = (levels: number): unknown => (levels === 0 ? {} : { default: deep(levels - 1) })
    await add('/definitions/b', deep(80)).expect(200)
    await add(`/definitions/b${'/default'.repeat(80)}/default`, deep(80)).expect(400)
  })

  test('PUT checks like POST', async () => {
    const schema = await make(SCHEMAS, schemaBody())
    await host.api.put(one(SCHEMAS, schema.$id), { title: 'x' }).expect(400)
    await host.api.put(one(SCHEMAS, schema.$id), []).expect(400)
    expect(await lookup(schema.$id)).toEqual(schema)
  })

  test('changes at the same time all count', async () => {
    const schema = await make(SCHEMAS, schemaBody())
    const names = ['a', 'b', 'c', 'd', 'e']
    const add = (name: string) => [{ op: 'add', path: `/required`, value: [name] }]
    await Promise.all(names.map((name) => host.api.patch(one(SCHEMAS, schema.$id), add(name)).expect(200)))
    expect((await lookup(schema.$id)).version).toBe('1.5')
  })

  test('built-in resources cannot be changed, and only schemas and field groups can be made', async () => {
    await host.api.post(`${REGISTRY}/global/schemas`, schemaBody()).expect(405)
    await host.api.delete(one(`${REGISTRY}/global/classes`, PROFILE)).expect(405)
    const { body } = await host.api.post(`${REGISTRY}/tenant/classes`, {}).expect(405)
    expect(body.type).toMatch(/XDM-1000-405$/)
    await host.api.delete(one(SCHEMAS, PROFILE)).expect(404)
    await host.api.get(`${REGISTRY}/other/schemas`).expect(404)
  })
})

describe('deleting a schema', () => {
  test('answers 204, after which it is unknown', async () => {
    const { $id, 'meta:altId': altId } = await make(SCHEMAS, schemaBody())
    const response = await host.api.delete(`${SCHEMAS}/${altId}`).set('Accept', 'text/plain').expect(204)
    expect(response.text).toBe('')
    await host.api.get(one(SCHEMAS, $id)).expect(404)
    await host.api.delete(one(SCHEMAS, $id)).expect(404)
    await host.api.put(one(SCHEMAS, $id), schemaBody()).expect(404)
    await host.api.patch(one(SCHEMAS, $id), [{ op: 'remove', path: '/description' }]).expect(404)
  })

  test('is refused while a dataset of the same tenant uses it', async () => {
    const { $id } = await make(SCHEMAS, schemaBody())
    const schemaRef = { id: $id, contentType: 'application/vnd.adobe.xed-full+json;version=1.0' }
    const elsewhere = await host.as(ACME, 'dev')
    await createDataSet(elsewhere, { name: 'Elsewhere', schemaRef })
    const dataSetId = await createDataSet(host.api, { name: 'Here', schemaRef })
    const { body } = await host.api.delete(one(SCHEMAS, $id)).expect(400)
    expect(body).toMatchObject({ errorCode: '1447-400', detail: expect.stringContaining(dataSetId) })
    await host.api.get(one(SCHEMAS, $id)).expect(200)
    await host.api.delete(`${CATALOG}/dataSets/${dataSetId}`).expect(200)
    await host.api.delete(one(SCHEMAS, $id)).expect(204)
  })
})

describe('lists', () => {
  test('the built-in classes hold the two that every tutorial asks for', async () => {
    const { body } = await host.api
      .get(`${REGISTRY}/global/classes`)
      .set('Accept', 'application/vnd.adobe.xed-id+json')
      .expect(200)
    expect(body).toEqual({
      results: [
        { $id: EVENT, 'meta:altId': '_xdm.context.experienceevent', version: '1.0', title: 'XDM ExperienceEvent' },
        { $id: PROFILE, 'meta:altId': '_xdm.context.profile', version: '1.0', title: 'XDM Individual Profile' },
      ],
      _page: { orderby: 'updated', next: null, count: 2 },
      _links: { next: null, global_schemas: { href: `http://flow.test${REGISTRY}/global/schemas` } },
    })
  })

  test.each(['schemas', 'fieldgroups', 'mixins', 'classes', 'datatypes'])(
    'there is one of %s in both containers',
    async (kind) => {
      for (const container of ['global', 'tenant']) {
        const { body } = await host.api.get(`${REGISTRY}/${container}/${kind}/`).expect(200)
        expect(body._page).toEqual({ orderby: 'updated', next: null, count: body.results.length })
      }
    },
  )

  test.each([
    [undefined, 'short'],
    ['*/*', 'short'],
    ['application/json', 'short'],
    ['application/vnd.adobe.xdm-id+json', 'short'],
    ['application/vnd.adobe.xed+json', 'full'],
    ['application/vnd.adobe.xdm+json', 'full'],
  ])('Accept %s gives %s resources', async (accept, form) => {
    const request = host.api.get(`${REGISTRY}/global/classes`)
    const { body } = await (accept === undefined ? request.unset('Accept') : request.set('Accept', accept)).expect(200)
    expect('allOf' in body.results[0]).toBe(form === 'full')
  })

  test.each([
    'application/vnd.adobe.xed+json; version=1',
    'application/vnd.adobe.xed-id+json;version=1.0',
    'application/vnd.adobe.xed-full+json',
    'text/plain',
  ])('Accept %s is refused', async (accept) => {
    const { body } = await host.api.get(SCHEMAS).set('Accept', accept).expect(400)
    expect(body).toMatchObject({ type: 'http://ns.adobe.com/aep/errors/XDM-1006-400', status: 400 })
    expect(body.detail).toContain(accept)
  })

  describe('of a tenant', () => {
    let api: TestApi
    const ids: string[] = []
    beforeAll(async () => {
      api = await host.as(GLOBEX, 'dev')
      for (const title of ['b', 'a', 'c', 'a', 'd']) {
        host.clock.time += 1000
        const allOf = [{ $ref: title === 'c' ? EVENT : PROFILE }]
        ids.push((await make(SCHEMAS, { type: 'object', title, allOf }, api)).$id)
      }
      host.clock.time = NOW
    })
    const read = async (query: string) => (await api.get(`${SCHEMAS}?${query}`).expect(200)).body
    const titles = async (query: string) =>
      (await read(query)).results.map(({ title }: { title: string }) => title).join('')

    test('follow orderby', async () => {
      expect(await titles('')).toBe('bacad')
      expect(await titles('orderby=title')).toBe('aabcd')
      expect(await titles('orderby=-title')).toBe('dcbaa')
      expect(await titles('orderby=-created')).toBe('dacab')
      expect(await titles('orderby=title,-updated&limit=1')).toBe('a')
      expect(await titles('orderby=%24id')).toHaveLength(5)
      expect(await titles('orderby=meta:registryMetadata.repo:createdDate')).toBe('bacad')
    })

    test.each(['1', '2', '3', '300'])('can be read by %s at a time', async (limit) => {
      for (const order of ['title', '-title', 'updated', '-meta:class']) {
        const seen: string[] = []
        let start: string | null = ''
        while (start !== null) {
          const page: { results: { $id: string }[]; _page: { next: string | null } } = await read(
            `orderby=${order}&limit=${limit}&start=${start}`,
          )
          seen.push(...page.results.map(({ $id }) => $id))
          start = page._page.next
        }
        expect(seen.toSorted()).toEqual(ids.toSorted())
      }
    })

    test('link to the next page', async () => {
      const first = await read('limit=3&orderby=title&property=meta:extends==' + PROFILE)
      expect(first.results).toHaveLength(3)
      const { href } = first._links.next
      expect(href).toContain('start=')
      const second = (await api.get(href.replace('http://flow.test', '')).expect(200)).body
      expect(second.results.map(({ title }: { title: string }) => title)).toEqual(['d'])
      expect(second._page).toEqual({ orderby: 'title', next: null, count: 1 })
      expect(second._links.next).toBeNull()
    })

    test('follow property', async () => {
      expect(await titles('property=meta:extends!=https://ns.adobe.com/xdm/data/adhoc')).toBe('bacad')
      expect(await titles(`property=meta:extends==${EVENT}`)).toBe('c')
      expect(await titles(`property=meta:extends!=${EVENT}`)).toBe('baad')
      expect(await titles(`property=meta:class==${PROFILE}&property=title!=a`)).toBe('bd')
      expect(await titles('property=title==%22a%22')).toBe('aa')
      expect(await titles('property=meta:class~experience')).toBe('c')
      expect(await titles('property=meta:immutableTags')).toBe('')
      expect(await titles('property=meta:immutableTags!=union')).toBe('bacad')
      expect(await titles('property=no.such.member==1')).toBe('')
    })

    test('cut limit to 300', async () => {
      expect(await titles('limit=100000')).toBe('bacad')
    })

    test.each([
      'limit=0',
      'limit=-1',
      'limit=x',
      'limit=1.5',
      'start=x',
      'property===x',
      'property=title==',
      'property=title%3E5',
      'orderby=,',
      'orderby=a%20b',
      'orderby=' + Array(30).fill('a').join('.'),
    ])('refuse %s', async (query) => {
      const { body } = await api.get(`${SCHEMAS}?${query}`).expect(400)
      expect(body).toMatchObject({ errorCode: '1030-400', status: 400 })
    })

    test('take start only in the order and the place that it was made for', async () => {
      const { next } = (await read('limit=1&orderby=title'))._page
      await api.get(`${SCHEMAS}?start=${next}`).expect(400)
      await api.get(`${GROUPS}?orderby=title&start=${next}`).expect(400)
      await host.api.get(`${SCHEMAS}?orderby=title&start=${next}`).expect(400)
    })
  })

  test('of built-in resources page, order and filter alike', async () => {
    const all = `${REGISTRY}/global/datatypes`
    const first = (await host.api.get(`${all}?orderby=-title&limit=2`).expect(200)).body
    expect(first.results.map(({ title }: { title: string }) => title)).toEqual(['Postal address', 'Phone number'])
    const second = (await host.api.get(`${all}?orderby=-title&limit=100&start=${first._page.next}`).expect(200)).body
    expect(second.results).toHaveLength(4)
    expect(second._page.next).toBeNull()
    const found = (await host.api.get(`${all}?property=title==Person`).expect(200)).body
    expect(found._page.count).toBe(1)
  })
})

describe('tenants', () => {
  test('see, use and change nothing of each other', async () => {
    const group = await make(GROUPS, groupBody({}))
    const schema = await make(SCHEMAS, schemaBody(group.$id))
    for (const api of [await host.as(GLOBEX), await host.as(ACME, 'stage')]) {
      for (const id of [schema.$id, schema['meta:altId']]) {
        await api.get(one(SCHEMAS, id)).expect(404)
        await api.put(one(SCHEMAS, id), schemaBody()).expect(404)
        await api.patch(one(SCHEMAS, id), [{ op: 'replace', path: '/title', value: 'x' }]).expect(404)
        await api.delete(one(SCHEMAS, id)).expect(404)
      }
      await api.post(SCHEMAS, schemaBody(group.$id)).expect(400)
      expect((await api.get(SCHEMAS).expect(200)).body.results).toEqual([])
      expect((await api.get(`${REGISTRY}/stats`).expect(200)).body.counts).toMatchObject({ schemas: 0, mixins: 0 })
    }
    expect(await lookup(schema.$id)).toEqual(schema)
  })

  test('have one name per organisation, in every sandbox', async () => {
    const nameOf = async (api: TestApi) => (await api.get(`${REGISTRY}/stats`).expect(200)).body.tenantId
    expect(tenantId).toMatch(/^[a-z][a-z0-9]*$/)
    expect(await nameOf(await host.as(ACME, 'stage'))).toBe(tenantId)
    expect(await nameOf(await host.as(GLOBEX))).not.toBe(tenantId)
    const dev = await make(SCHEMAS, schemaBody(), await host.as(ACME, 'dev'))
    expect(dev).toMatchObject({ 'meta:sandboxType': 'development', 'meta:tenantNamespace': `_${tenantId}` })
  })

  test('need the gateway headers and a sandbox that exists', async () => {
    const { body } = await host.anonymous().get(`${REGISTRY}/stats`).expect(403)
    expect(body).toEqual({ error_code: '403010', message: 'Oauth token is missing.' })
    const unknown = await host.api.get(SCHEMAS).set('x-sandbox-name', 'nowhere').expect(404)
    expect(unknown.body).toMatchObject({ errorCode: '2100-404', title: 'Sandbox not found', status: 404 })
  })
})

test('stats tell name, counts, recent resources and the schemas of each class, whatever the Accept header', async () => {
  const other = await startFlowHost()
  const group = await make(GROUPS, groupBody({}), other.api)
  other.clock.time += 1000
  const schema = await make(SCHEMAS, schemaBody(), other.api)
  other.clock.time += 1000
  await other.api.patch(one(GROUPS, group.$id), [{ op: 'replace', path: '/title', value: 'Changed' }]).expect(200)
  for (const accept of ['text/plain', 'application/vnd.adobe.xed+json;version=9', '*/*']) {
    const { body } = await other.api.get(`${REGISTRY}/stats/`).set('Accept', accept).expect(200)
    expect(body).toMatchObject({
      imsOrg: ACME.orgId,
      tenantId,
      counts: { schemas: 1, mixins: 1, datatypes: 0, classes: 0, unions: 0 },
      classUsage: { [PROFILE]: [{ $id: schema.$id, title: 'Stripe charges', description: '' }], [EVENT]: [] },
    })
    expect(body.recentlyCreatedResources.map(({ $id }: { $id: string }) => $id)).toEqual([schema.$id, group.$id])
    expect(body.recentlyUpdatedResources.map(({ title }: { title: string }) => title)).toEqual([
      'Changed',
      'Stripe charges',
    ])
  }
  await other.stop()
})
