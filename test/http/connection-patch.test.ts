import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import {
  connectionBody,
  create,
  FLOW_SERVICE,
  patch,
  read,
  startFlowHost,
  TOKEN,
  UNKNOWN_ID,
} from '../support/flow-host.ts'
import type { FlowHost } from '../support/flow-host.ts'

const ALL = `${FLOW_SERVICE}/connections`
const MASK = '********'

let host: FlowHost
beforeAll(async () => {
  host = await startFlowHost()
})
afterAll(() => host.stop())

const store = () => host.host.context.store
const tenant = { orgId: 'ACME000000000000000000@AdobeOrg', sandboxName: 'prod' }
const stored = async (id: string) => (await store().entities.get(tenant, 'connections', id))!
const storedToken = async (id: string) =>
  host.host.context.secretBox.open((await stored(id)).secrets['/auth/params/accessToken']!, id)

describe('patching a base connection', () => {
  test('changes the name under a new etag and says so in lastOperation', async () => {
    const id = await create(host.api, 'connections', connectionBody())
    const before = await read(host.api, 'connections', id)
    host.clock.time += 1000
    const operations = [{ op: 'Replace', path: '/name', value: 'Renamed' }]
    const response = await patch(host.api, 'connections', id, operations)
    expect(response.status).toBe(200)
    expect(Object.keys(response.body)).toEqual(['id', 'etag'])
    expect(response.body.etag).not.toBe(before.etag)
    const after = await read(host.api, 'connections', id)
    expect(after).toMatchObject({
      name: 'Renamed',
      etag: response.body.etag,
      version: response.body.etag,
      createdAt: before.createdAt,
      lastOperation: { operation: 'update', percentCompleted: 100, status: { value: 'completed', errors: [] } },
    })
    expect(after.updatedAt).toBe(before.updatedAt + 1000)
    expect(await storedToken(id)).toBe(TOKEN)
  })

  test('replaces all former auth parameters, and shows no secret in lastOperation', async () => {
    const id = await create(host.api, 'connections', connectionBody())
    const newToken = 'rk_test_other0123456789'
    const params = { accessToken: newToken, unknownSecret: 'undeclared-secret' }
    for (const op of ['add', 'replace']) {
      expect((await patch(host.api, 'connections', id, [{ op, path: '/auth/params', value: params }])).status).toBe(200)
      const response = await host.api.get(`${ALL}/${id}`)
      expect(response.body.items[0].auth.params).toEqual({ accessToken: MASK })
      expect(response.body.items[0].lastOperation.ops).toEqual([{ op, path: '/auth/params', value: MASK }])
      expect(response.text).not.toContain(newToken)
      expect(JSON.stringify(await stored(id))).not.toContain('undeclared-secret')
      expect(await storedToken(id)).toBe(newToken)
    }
  })

  test('replaces one auth parameter', async () => {
    const id = await create(host.api, 'connections', connectionBody())
    const value = 'sk_test_rotated0123'
    await patch(host.api, 'connections', id, [{ op: 'replace', path: '/auth/params/accessToken', value }])
    expect(await storedToken(id)).toBe(value)
    expect(JSON.stringify(await read(host.api, 'connections', id))).not.toContain(value)
  })

  test('keeps the stored secret when the mask is sent back', async () => {
    const id = await create(host.api, 'connections', connectionBody())
    const { auth } = await read(host.api, 'connections', id)
    const response = await patch(host.api, 'connections', id, [
      { op: 'replace', path: '/auth/params', value: auth.params },
    ])
    expect(response.status).toBe(200)
    expect(await storedToken(id)).toBe(TOKEN)
  })

  test.each([
    ['a token with a line break', [{ op: 'replace', path: '/auth/params/accessToken', value: 'a\nb' }], '1312-400'],
    ['no token', [{ op: 'remove', path: '/auth/params/accessToken' }], '1304-400'],
    ['no name', [{ op: 'remove', path: '/name' }], '1304-400'],
    ['an unknown auth spec', [{ op: 'replace', path: '/auth/specName', value: 'Basic' }], '1415-400'],
    ['another connection spec', [{ op: 'replace', path: '/connectionSpec/id', value: UNKNOWN_ID }], '1414-400'],
    ['another state', [{ op: 'replace', path: '/state', value: 'draft' }], '1365-400'],
    ['the id', [{ op: 'replace', path: '/id', value: UNKNOWN_ID }], '1365-400'],
    ['a secret of the store', [{ op: 'add', path: '/secrets', value: {} }], '1365-400'],
    ['a move', [{ op: 'move', path: '/name', from: '/description' }], '1434-400'],
    ['nothing', [], '1405-400'],
    [
      'a good operation before a bad one',
      [
        { op: 'replace', path: '/name', value: 'Half' },
        { op: 'replace', path: '/auth/params/other', value: 1 },
      ],
      '1455-400',
    ],
  ])('refuses %s and changes nothing', async (_, operations, code) => {
    const id = await create(host.api, 'connections', connectionBody())
    const before = await stored(id)
    const response = await patch(host.api, 'connections', id, operations)
    expect(response.status).toBe(400)
    expect(response.body.errorCode).toBe(code)
    expect(await stored(id)).toEqual(before)
  })

  test('takes one operation without an array around it', async () => {
    const id = await create(host.api, 'connections', connectionBody())
    await patch(host.api, 'connections', id, { op: 'remove', path: '/description', value: 'ignored' })
    expect(await read(host.api, 'connections', id)).not.toHaveProperty('description')
  })

  test('needs If-Match, as a header or as the query parameter, and the header wins', async () => {
    const id = await create(host.api, 'connections', connectionBody())
    const { etag } = await read(host.api, 'connections', id)
    const operations = [{ op: 'replace', path: '/name', value: 'x' }]
    const missing = await host.api.patch(`${ALL}/${id}`, operations).expect(400)
    expect(missing.body.errorCode).toBe('1403-400')
    expect(missing.body.title).toBe('Header is missing')
    expect(missing.body.type).toBe('http://ns.adobe.com/aep/errors/FLOW-1403-400')

    const inQuery = `${ALL}/${id}/?if-match=${encodeURIComponent(etag)}`
    await host.api.patch(inQuery, operations).set('If-Match', '"stale"').expect(412)
    await host.api.patch(inQuery, operations).expect(200)
  })

  test('answers 412 to a stale etag with the text of the documentation', async () => {
    const id = await create(host.api, 'connections', connectionBody())
    const { etag, name } = await read(host.api, 'connections', id)
    const response = await host.api
      .patch(`${ALL}/${id}`, [{ op: 'replace', path: '/name', value: 'x' }])
      .set('If-Match', '"stale"')
      .expect(412)
    const text = `Supplied version=["stale"] does not match the current version on entity=[${etag}]`
    expect(response.body).toMatchObject({ errorCode: '1404-412', errorMessage: text, errorDetails: text })
    expect((await read(host.api, 'connections', id)).name).toBe(name)
  })

  test('lets one of two patches with the same etag win', async () => {
    const id = await create(host.api, 'connections', connectionBody())
    const { etag } = await read(host.api, 'connections', id)
    const answers = await Promise.all(
      ['first', 'second', 'third'].map((value) =>
        host.api.patch(`${ALL}/${id}`, [{ op: 'replace', path: '/name', value }]).set('If-Match', etag),
      ),
    )
    expect(answers.map(({ status }) => status).sort()).toEqual([200, 412, 412])
  })

  test('looks at the patch before the entity, and at the entity before If-Match', async () => {
    const unknown = `${ALL}/${UNKNOWN_ID}`
    expect((await host.api.patch(unknown, [{ op: 'copy', path: '/name' }]).expect(400)).body.errorCode).toBe('1434-400')
    expect((await host.api.patch(unknown, [{ op: 'remove', path: '/name' }]).expect(404)).body.errorCode).toBe(
      '1101-404',
    )
    expect((await host.api.patch(unknown).set('If-Match', '"x"').expect(400)).body.errorCode).toBe('1405-400')
  })
})
