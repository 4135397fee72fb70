import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import type { ErrorCode } from '../../src/errors.ts'
import { readSpecFile } from '../../src/flow/load-specs.ts'
import type { JsonObject } from '../../src/json.ts'
import { startTestSource } from '../plugins/rest/test-source.ts'
import type { TestSource } from '../plugins/rest/test-source.ts'
import { create, FLOW_SERVICE } from '../support/flow-host.ts'
import { startTestHost } from '../support/test-host.ts'
import type { TestHost } from '../support/test-host.ts'
import { expectProblem } from './shapes.ts'
import type { Answer } from './shapes.ts'

/**
 * The codes of the contract's catalogue, section 7.3, for the faults of section 4.3 in a partner's own connection spec.
 * What the spec itself shows is refused when it is posted; what only the source's answer shows, when it is explored.
 */

const EXAMPLE: JsonObject = readSpecFile('specs/examples/mailchimp-members.connection-spec.json')
const CONNECTION_SPECS = `${FLOW_SERVICE}/connectionSpecs`
const AT = '/sourceSpec/attributes'
const TOKEN = 'members-token-1'

let source: TestSource
let host: TestHost

beforeAll(async () => {
  source = await startTestSource()
  host = await startTestHost({ env: { REST_ALLOWED_HOSTS: source.host } })
})
afterAll(async () => {
  await host.stop()
  await source.close()
})

let names = 0
/** The example under a name of its own, with other `sourceSpec.attributes`. */
function spec(attributes: object = {}): object {
  const sourceSpec = EXAMPLE['sourceSpec'] as { attributes: object }
  const merged = { ...sourceSpec, attributes: { ...sourceSpec.attributes, ...attributes } }
  return { ...EXAMPLE, name: `spec ${++names}`, sourceSpec: merged }
}

const pagination = (params: object) => ({ paginationParams: params })
const schedule = (params: object) => ({ scheduleParams: params })

describe('in the spec', () => {
  /** The code, when it comes, the attributes at fault, and the paths of the faults. */
  const rows: readonly (readonly [code: ErrorCode, when: string, attributes: object, ...errors: string[]])[] = [
    ['1314-400', 'contentPath looks for its array', { contentPath: '$..members' }, `${AT}/contentPath`],
    [
      '1314-400',
      'contentPath filters its array',
      { contentPath: { path: '$.members[?@.vip]' } },
      `${AT}/contentPath/path`,
    ],
    ['1314-400', 'contentPath is no JSONPath', { contentPath: { path: '$[' } }, `${AT}/contentPath/path`],
    [
      '1314-400',
      'explodeEntityPath names one element',
      { explodeEntityPath: { path: '$.member[0].tags' } },
      `${AT}/explodeEntityPath/path`,
    ],
    ['1316-400', 'there is no pagination', { paginationParams: undefined }, `${AT}/paginationParams`],
    ['1316-400', 'the pagination has no type', pagination({ limitName: 'count' }), `${AT}/paginationParams/type`],
    [
      '1316-400',
      'OFFSET lacks its parameters',
      pagination({ type: 'OFFSET', offSetName: 'offset' }),
      `${AT}/paginationParams/limitName`,
      `${AT}/paginationParams/limitValue`,
    ],
    [
      '1316-400',
      'POINTER lacks its path',
      pagination({ type: 'pointer', limitName: 'count', limitValue: '100' }),
      `${AT}/paginationParams/pointerPath`,
    ],
    ['1317-400', 'the schedule is empty', schedule({}), `${AT}/scheduleParams`],
    [
      '1317-400',
      'the schedule has no end',
      schedule({ scheduleStartParamName: 'since' }),
      `${AT}/scheduleParams/scheduleEndParamName`,
    ],
    [
      '1317-400',
      'an ADVANCE schedule lacks an expression',
      { bodyParams: '{SCHEDULE_QUERY}', ...schedule({ type: 'ADVANCE', incremental: 'since={START_TIME}' }) },
      `${AT}/scheduleParams/backfill`,
    ],
    [
      '1317-400',
      'nothing makes the {SCHEDULE_QUERY} that is used',
      { bodyParams: '{SCHEDULE_QUERY}' },
      `${AT}/scheduleParams`,
    ],
    [
      '1319-400',
      'keepAttributes holds a path',
      { contentPath: { path: '$.members', keepAttributes: ['$.total_items'] } },
      `${AT}/contentPath/keepAttributes/0`,
    ],
    [
      '1319-400',
      'skipAttributes holds a path',
      { contentPath: { path: '$.members', skipAttributes: ['_links', 'list.id'] } },
      `${AT}/contentPath/skipAttributes/1`,
    ],
  ]

  for (const [code, when, attributes, ...errors] of rows) {
    test(`${code} when ${when}`, async () => {
      const body = spec(attributes)
      expectProblem(await host.api.post(CONNECTION_SPECS, body), {
        code,
        prefix: 'CONNECTOR',
        title: 'Bad Request',
        errors,
      })
    })
  }

  test('a spec that is refused is neither kept nor takes its name', async () => {
    const whole = spec() as { name: string }
    const { name } = whole
    await host.api.post(CONNECTION_SPECS, { ...spec({ contentPath: '$..members' }), name }).expect(400)
    const { body } = await host.api.get(`${CONNECTION_SPECS}?property=name=="${name}"`).expect(200)
    expect(body.items).toEqual([])
    await host.api.post(CONNECTION_SPECS, whole).expect(201)
  })

  test('a replacement is refused alike and leaves the spec as it was', async () => {
    const { body: created } = await host.api.post(CONNECTION_SPECS, spec()).expect(201)
    const answer = await host.api.put(`${CONNECTION_SPECS}/${created.id}`, spec({ paginationParams: undefined }))
    expectProblem(answer, { code: '1316-400', prefix: 'CONNECTOR', errors: [`${AT}/paginationParams`] })
    const { body } = await host.api.get(`${CONNECTION_SPECS}/${created.id}`).expect(200)
    expect(body.items).toEqual([created])
  })
})

describe("in the source's answer", () => {
  /** Explores a source of these attributes while it answers `body`. */
  async function explore(attributes: object, body: unknown): Promise<Answer> {
    const { body: created } = await host.api.post(CONNECTION_SPECS, spec(attributes)).expect(201)
    source.answer = () => ({ body })
    const connectionId = await create(host.api, 'connections', {
      name: 'Members',
      connectionSpec: { id: created.id, version: '1.0' },
      auth: { specName: 'OAuth2 Refresh Code', params: { host: source.url, accessToken: TOKEN } },
    })
    const sourceParams = Buffer.from(JSON.stringify({ listId: 'a1' })).toString('base64url')
    const query = `objectType=rest&object=json&sourceParams=${sourceParams}`
    return host.api.get(`${FLOW_SERVICE}/connections/${connectionId}/explore?${query}`)
  }

  const rows: readonly (readonly [code: ErrorCode, when: string, attributes: object, body: unknown, detail: string])[] =
    [
      ['1313-400', 'contentPath leads to nothing', {}, { list_id: 'a1' }, 'members'],
      ['1313-400', 'contentPath leads through nothing', { contentPath: '$.result.members' }, { members: [] }, 'result'],
      ['1313-400', 'a record has no id where idPath points', {}, { members: [{ email: 'a@x.test' }] }, 'member.id'],
      ['1315-400', 'contentPath leads to a number', {}, { members: 7 }, '$.members'],
      ['1315-400', 'contentPath leads to an object', {}, { members: { id: 'm1' } }, '$.members'],
      ['1315-400', 'contentPath leads to null', {}, { members: null }, '$.members'],
      [
        '1315-400',
        'explodeEntityPath leads to no array',
        { explodeEntityPath: { path: '$.member.tags' } },
        { members: [{ id: 'm1', tags: 'a,b' }] },
        '$.member.tags',
      ],
      [
        '1319-400',
        'keepAttributes names what is not beside the array',
        { contentPath: { path: '$.members', keepAttributes: ['total'], overrideWrapperAttribute: 'member' } },
        { members: [{ id: 'm1' }], total_items: 1 },
        'total',
      ],
    ]

  for (const [code, when, attributes, body, detail] of rows) {
    test(`${code} when ${when}`, async () => {
      const answer = await explore(attributes, body)
      expectProblem(answer, { code, prefix: 'CONNECTOR', title: 'Bad Request' })
      expect(answer.body.detail).toContain(detail)
      expect(JSON.stringify(answer.body)).not.toContain(TOKEN)
    })
  }

  test('the same source without the fault is explored', async () => {
    const { status, body } = await explore({}, { members: [{ id: 'm1' }], list_id: 'a1' })
    expect([status, body]).toEqual([
      200,
      {
        format: 'hierarchical',
        schema: {
          type: 'object',
          properties: { member: { type: 'object', properties: { id: { type: 'string' } } } },
        },
      },
    ])
  })
})
