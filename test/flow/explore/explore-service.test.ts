import { describe, expect, test } from '@jest/globals'
import type { SourceCallLimits } from '../../../src/flow/explore/call-source.ts'
import { createExploreService } from '../../../src/flow/explore/explore-service.ts'
import type { Query } from '../../../src/flow/explore/parameters.ts'
import type { JsonObject, JsonValue } from '../../../src/json.ts'
import { FatalSourceError, RetriableSourceError } from '../../../src/plugins/plugin.ts'
import type { StoredEntity } from '../../../src/store/store.ts'
import {
  BUILT_IN_SCHEMA,
  baseConnection,
  caller,
  scriptedContext,
  scriptedPlugin,
  skippingClock,
  sourceConnection,
} from './scripted-source.ts'
import type { Script } from './scripted-source.ts'

const ALL_SIX = ['charges', 'subscriptions', 'refunds', 'balance_transactions', 'customers', 'prices']

function setUp(script: Script = {}, entities: readonly StoredEntity[] = [], limits?: SourceCallLimits) {
  const { plugin, connected, requests } = scriptedPlugin(script)
  const clock = skippingClock()
  const context = scriptedContext(plugin, [baseConnection('base'), ...entities], clock)
  const service = createExploreService(context, limits)
  return {
    connected,
    requests,
    clock,
    service,
    explore: (parameters: Record<string, string>, id = 'base') =>
      service.exploreConnection(caller, id, query(parameters)),
    exploreSource: (id: string, parameters: Record<string, string> = {}) =>
      service.exploreSourceConnection(caller, id, query(parameters)),
  }
}

function query(parameters: Record<string, string>): Query {
  return Object.fromEntries(Object.entries(parameters).map(([name, value]) => [name, [value]]))
}

function base64(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64')
}

function rest(params: unknown, more: Record<string, string> = {}): Record<string, string> {
  return { objectType: 'rest', object: 'json', fileType: 'json', sourceParams: base64(params), ...more }
}

function names(listing: JsonValue): unknown {
  return (listing as JsonObject[]).map(({ name }) => name)
}

function attributes(answer: JsonValue): unknown {
  const at = (value: unknown, member: string) => (value as JsonObject)[member]
  return at(at(at(at(answer, 'schema'), 'properties'), 'data'), 'properties')
}

describe('listing', () => {
  test('names the six resource paths in order, without a call to the source', async () => {
    const { explore, requests, connected } = setUp()
    const listing = await explore({ objectType: 'root' })
    expect(names(listing)).toEqual(ALL_SIX)
    expect((listing as JsonValue[])[0]).toEqual({
      type: 'table',
      name: 'charges',
      path: 'charges',
      canPreview: true,
      canFetchSchema: true,
    })
    expect([requests, connected]).toEqual([[], []])
  })

  test.each([{}, { objectType: 'ROOT' }, { OBJECTTYPE: 'root', CompressionType: 'gzip', determineProperties: 'true' }])(
    'is what %j asks for',
    async (parameters) => {
      expect(names(await setUp().explore(parameters as Record<string, string>))).toEqual(ALL_SIX)
    },
  )
})

describe('the schema of a resource', () => {
  test('describes the sampled records, wrapped in data', async () => {
    const { explore } = setUp({
      page: () => [
        { id: 'ch_1', paid: true },
        { id: 'ch_2', note: null },
      ],
    })
    expect(await explore(rest({ resourcePath: 'charges' }, { preview: 'false' }))).toEqual({
      format: 'hierarchical',
      schema: {
        type: 'object',
        properties: {
          data: {
            type: 'object',
            properties: { id: { type: 'string' }, paid: { type: 'boolean' }, note: {} },
          },
        },
      },
    })
  })

  test('comes from one full page of the newest objects', async () => {
    const { explore, requests } = setUp()
    await explore(rest({ resourcePath: 'charges' }))
    expect(requests).toEqual([
      expect.objectContaining({
        resourcePath: 'charges',
        pass: 'all',
        window: { from: null, to: null },
        cursor: null,
        limit: 100,
      }),
    ])
  })

  test('unites all list passes of the resource', async () => {
    const { explore } = setUp({ page: ({ pass }) => [pass === 'active' ? { a: 1 } : { b: 'x' }] })
    const answer = await explore(rest({ resourcePath: 'prices' }, { preview: 'true' }))
    expect(attributes(answer)).toEqual({ a: expect.anything(), b: { type: 'string' } })
    expect((answer as JsonObject)['data']).toEqual([{ data: { a: 1 } }, { data: { b: 'x' } }])
  })

  test('is the built-in one when the account has no such object', async () => {
    expect(await setUp().explore(rest({ resourcePath: 'refunds' }))).toEqual({
      format: 'hierarchical',
      schema: BUILT_IN_SCHEMA,
    })
  })

  test('is the same in the table form', async () => {
    const { explore } = setUp({ page: () => [{ id: 'ch_1' }] })
    const asRest = await explore(rest({ resourcePath: 'charges' }))
    expect(await explore({ objectType: 'table', object: 'charges' })).toEqual(asRest)
  })

  test('is read with the decrypted access token and the given parameters', async () => {
    const { explore, connected } = setUp()
    await explore(rest({ resourcePath: 'charges', apiVersion: '2025-02-24.acacia' }))
    expect(connected).toEqual([
      {
        auth: { accessToken: 'sk_test_secret' },
        params: { resourcePath: 'charges', apiVersion: '2025-02-24.acacia' },
      },
    ])
  })

  test('takes parameter names and values in any letter case', async () => {
    const { explore, requests } = setUp()
    const answer = await explore({
      ObjectType: 'REST',
      OBJECT: 'JSON',
      FileType: 'Json',
      Preview: 'True',
      SOURCEPARAMS: base64({ resourcePath: 'charges' }),
    })
    expect(requests).toHaveLength(1)
    expect(answer).toHaveProperty('data')
  })

  test('needs neither object nor fileType', async () => {
    const sourceParams = base64({ resourcePath: 'charges' })
    expect(await setUp().explore({ objectType: 'rest', sourceParams })).toHaveProperty('schema')
  })

  test('does not mind further members of sourceParams', async () => {
    expect(await setUp().explore(rest({ resourcePath: 'charges', extra: { is: 'ignored' } }))).toHaveProperty('schema')
  })
})

describe('a preview', () => {
  test('holds up to ten records in source form, without their null attributes', async () => {
    const objects = Array.from({ length: 30 }, (_, index) => ({ id: `ch_${index}`, note: null, card: { brand: null } }))
    const { explore } = setUp({ page: () => objects })
    const answer = (await explore(rest({ resourcePath: 'charges' }, { preview: 'true' }))) as JsonObject
    expect(answer['data']).toHaveLength(10)
    expect((answer['data'] as JsonValue[])[0]).toEqual({ data: { id: 'ch_0', card: {} } })
    expect(attributes(answer)).toEqual({
      id: { type: 'string' },
      note: {},
      card: { type: 'object', properties: { brand: {} } },
    })
  })

  test('of a resource without objects is empty', async () => {
    expect(await setUp().explore(rest({ resourcePath: 'charges' }, { preview: 'true' }))).toMatchObject({ data: [] })
  })
})

describe('what explore refuses', () => {
  test.each<[string, Record<string, string>, string, RegExp]>([
    ['an unknown object type', { objectType: 'blob' }, '1358-400', /"blob".*root, rest, table/],
    ['an object type of file sources', { objectType: 'folder' }, '1358-400', /"folder"/],
    ['rest without sourceParams', { objectType: 'rest' }, '1359-400', /sourceParams/],
    ['table without object', { objectType: 'table' }, '1359-400', /object/],
    ['another file type', rest({ resourcePath: 'charges' }, { fileType: 'delimited' }), '1399-400', /"delimited"/],
    ['another object', rest({ resourcePath: 'charges' }, { object: 'csv' }), '1312-400', /"csv".*json/],
    ['filters', rest({ resourcePath: 'charges' }, { filters: 'YQ==' }), '1353-400', /filters/],
    ['a preview that is no boolean', rest({ resourcePath: 'charges' }, { preview: 'yes' }), '1452-400', /"yes"/],
    [
      'an unknown resource path',
      rest({ resourcePath: 'foo' }),
      '1312-400',
      /"foo" is not a valid resourcePath.*prices/,
    ],
    ['an empty resource path', rest({ resourcePath: '' }), '1312-400', /resourcePath.*charges/],
    ['no resource path', rest({}), '1312-400', /resourcePath.*charges/],
    ['a resource path that is no text', rest({ resourcePath: ['charges'] }), '1312-400', /resourcePath/],
    ['an unknown table', { objectType: 'table', object: 'foo' }, '1312-400', /"foo"/],
    ['an odd API version', rest({ resourcePath: 'charges', apiVersion: 'new' }), '1312-400', /"new"/],
    ['sourceParams that are no base64', { objectType: 'rest', sourceParams: '{"a":1}' }, '1389-400', /sourceParams/],
    ['sourceParams that hold a list', rest([1]), '1389-400', /object/],
  ])('%s', async (_name, parameters, code, detail) => {
    const { explore, requests } = setUp()
    await expect(explore(parameters)).rejects.toMatchObject({ code, detail: expect.stringMatching(detail) })
    expect(requests).toEqual([])
  })

  test('an unknown connection, but not before the parameters are checked', async () => {
    const { explore } = setUp()
    await expect(explore({}, 'nobody')).rejects.toMatchObject({
      code: '1101-404',
      detail: 'connections not found with id = [nobody]',
    })
    await expect(explore({ objectType: 'blob' }, 'nobody')).rejects.toMatchObject({ code: '1358-400' })
  })

  test('a draft', async () => {
    const { explore, service } = setUp({}, [baseConnection('draft', { state: 'draft' })])
    await expect(explore({}, 'draft')).rejects.toMatchObject({ code: '1416-400' })
    await expect(service.testConnection(caller, 'draft')).rejects.toMatchObject({ code: '1416-400' })
  })

  test('a connection whose spec is no source', async () => {
    const connectionSpec = { id: 'c604ff05-7f1a-43c0-8e18-33bf874cb11c', version: '1.0' }
    const { explore } = setUp({}, [baseConnection('lake', { connectionSpec })])
    await expect(explore({}, 'lake')).rejects.toMatchObject({ code: '1305-400' })
  })

  test('a connection of another organisation', async () => {
    const foreign = { ...baseConnection('foreign'), orgId: 'B@AdobeOrg' }
    await expect(setUp({}, [foreign]).explore({}, 'foreign')).rejects.toMatchObject({ code: '1101-404' })
  })

  test('a credential that does not decrypt, without telling it', async () => {
    const stolen = { ...baseConnection('thief'), secrets: { '/auth/params/accessToken': 'base:sk_test_secret' } }
    const error = await setUp({}, [stolen])
      .explore(rest({ resourcePath: 'charges' }), 'thief')
      .catch((thrown: unknown) => thrown)
    expect(error).toMatchObject({ code: '1102-500' })
    expect(String(error)).not.toContain('sk_test_secret')
  })
})

describe('a source that does not answer as hoped', () => {
  const charges = rest({ resourcePath: 'charges' })

  /** A script that fails with these errors, one a call, before it answers. */
  function failing(...errors: Error[]): Script {
    const left = [...errors]
    return {
      page: () => {
        const error = left.shift()
        if (error !== undefined) throw error
        return [{ id: 'ch_1' }]
      },
    }
  }

  test('a refused credential is told with status and message', async () => {
    const { explore, requests } = setUp(
      failing(new FatalSourceError('credential', 'Invalid API Key provided: sk_test_****1234', { status: 401 })),
    )
    await expect(explore(charges)).rejects.toMatchObject({
      code: '1100-400',
      detail: expect.stringMatching(/status 401.*Invalid API Key provided: sk_test_\*{4}1234/),
    })
    expect(requests).toHaveLength(1)
  })

  test('a missing permission is told by its name', async () => {
    const message = "Having the 'rak_charge_read' permission would allow this request to continue."
    const { explore } = setUp(failing(new FatalSourceError('permission', message, { status: 403 })))
    await expect(explore(charges)).rejects.toMatchObject({
      code: '1100-400',
      detail: expect.stringMatching(/status 403.*rak_charge_read/),
    })
  })

  test('a short disturbance is not noticed', async () => {
    const { explore, clock } = setUp(
      failing(new RetriableSourceError('rate', 'slow down'), new RetriableSourceError('unavailable', 'reset')),
    )
    expect(await explore(charges)).toHaveProperty('schema')
    expect(clock.sleeps).toEqual([500, 1000])
  })

  test("the source's own wish how long to wait is kept", async () => {
    const { explore, clock } = setUp(failing(new RetriableSourceError('rate', 'slow down', { retryAfterMs: 3000 })))
    await explore(charges)
    expect(clock.sleeps).toEqual([3000])
  })

  test('a retry reads only the passes that are not read yet', async () => {
    let failed = false
    const { explore, requests } = setUp({
      page: ({ pass }) => {
        if (pass === 'active' || failed) return [{ id: pass }]
        failed = true
        throw new RetriableSourceError('unavailable', 'reset')
      },
    })
    const answer = await explore(rest({ resourcePath: 'prices' }, { preview: 'true' }))
    expect(requests.map(({ pass }) => pass)).toEqual(['active', 'inactive', 'inactive'])
    expect((answer as JsonObject)['data']).toHaveLength(2)
  })

  test('a rate limit that lasts is 503 and says when to come back', async () => {
    const limited = () => new RetriableSourceError('rate', 'slow down', { retryAfterMs: 2500 })
    const { explore, requests } = setUp(failing(limited(), limited(), limited(), limited(), limited()))
    await expect(explore(charges)).rejects.toMatchObject({ code: '1103-503', retryAfterSeconds: 3 })
    expect(requests).toHaveLength(4)
  })

  test('a wait that goes beyond the deadline is not begun', async () => {
    const { explore, clock } = setUp(failing(new RetriableSourceError('rate', 'slow down', { retryAfterMs: 60_000 })))
    await expect(explore(charges)).rejects.toMatchObject({ code: '1103-503', retryAfterSeconds: 60 })
    expect(clock.sleeps).toEqual([])
  })

  test('a source that cannot be reached is 504', async () => {
    const reset = () => new RetriableSourceError('unavailable', 'connection reset')
    const { explore } = setUp(failing(reset(), reset(), reset(), reset()))
    await expect(explore(charges)).rejects.toMatchObject({
      code: '1104-504',
      detail: expect.stringContaining('connection reset'),
    })
  })

  test('a source that never answers is 504 at the deadline, whether it listens to the signal or not', async () => {
    const deaf: Script = { page: () => new Promise(() => {}) }
    const listening: Script = {
      page: ({ signal }) =>
        new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason), { once: true })),
    }
    for (const script of [deaf, listening]) {
      const { explore, requests } = setUp(script, [], { deadlineMs: 30 })
      await expect(explore(charges)).rejects.toMatchObject({ code: '1104-504' })
      expect(requests[0]?.signal.aborted).toBe(true)
    }
  })

  test('a fault of the plugin itself is not dressed up as an answer of the source', async () => {
    const { explore, requests } = setUp(failing(new TypeError('oops')))
    await expect(explore(charges)).rejects.toThrow(TypeError)
    expect(requests).toHaveLength(1)
  })
})

describe('the connection test', () => {
  test('is true when the source takes the credential', async () => {
    const { service, connected } = setUp()
    expect(await service.testConnection(caller, 'base')).toBe(true)
    expect(connected).toEqual([{ auth: { accessToken: 'sk_test_secret' }, params: {} }])
  })

  test('is false when the source refuses the credential', async () => {
    const { service } = setUp({
      check: async () => {
        throw new FatalSourceError('credential', 'Invalid API Key', { status: 401 })
      },
    })
    expect(await service.testConnection(caller, 'base')).toBe(false)
  })

  test('is an error when the source cannot be reached or does not take calls', async () => {
    for (const [reason, code] of [
      ['unavailable', '1104-504'],
      ['rate', '1103-503'],
    ] as const) {
      const { service } = setUp({
        check: async () => {
          throw new RetriableSourceError(reason, 'not now')
        },
      })
      await expect(service.testConnection(caller, 'base')).rejects.toMatchObject({ code })
    }
  })

  test('of an unknown connection is 404', async () => {
    await expect(setUp().service.testConnection(caller, 'nobody')).rejects.toMatchObject({ code: '1101-404' })
  })
})

describe('exploring a source connection', () => {
  const params = { resourcePath: 'customers', apiVersion: '2025-02-24' }
  const source = sourceConnection('source', { baseConnectionId: 'base', params })

  test('without parameters lists the resource paths', async () => {
    expect(names(await setUp({}, [source]).exploreSource('source'))).toEqual(ALL_SIX)
  })

  test('as rest without sourceParams shows its own resource', async () => {
    const { exploreSource, requests, connected } = setUp({ page: () => [{ id: 'cus_1' }] }, [source])
    const answer = await exploreSource('source', { objectType: 'rest', preview: 'true' })
    expect(answer).toMatchObject({ format: 'hierarchical', data: [{ data: { id: 'cus_1' } }] })
    expect(requests.map(({ resourcePath }) => resourcePath)).toEqual(['customers'])
    expect(connected).toEqual([{ auth: { accessToken: 'sk_test_secret' }, params }])
  })

  test('as rest with sourceParams shows what they name', async () => {
    const { exploreSource, requests } = setUp({}, [source])
    await exploreSource('source', rest({ resourcePath: 'prices' }))
    expect(requests[0]?.resourcePath).toBe('prices')
  })

  test('that does not exist is 404 by its own collection', async () => {
    await expect(setUp().exploreSource('nobody')).rejects.toMatchObject({
      detail: 'sourceConnections not found with id = [nobody]',
    })
  })

  test('that is a draft without a base connection is refused', async () => {
    const draft = sourceConnection('draft', { state: 'draft' })
    await expect(setUp({}, [draft]).exploreSource('draft')).rejects.toMatchObject({ code: '1416-400' })
  })

  test('that has no resource path yet is refused when its own is asked for', async () => {
    const draft = sourceConnection('draft', { state: 'draft', baseConnectionId: 'base' })
    await expect(setUp({}, [draft]).exploreSource('draft', { objectType: 'rest' })).rejects.toMatchObject({
      code: '1312-400',
    })
  })
})
