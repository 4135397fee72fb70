import { afterAll, beforeAll, beforeEach, describe, expect, test } from '@jest/globals'
import { startTestSource, type SourceAnswer, type SourceRequest } from '../plugins/rest/test-source.ts'
import { FLOW_SERVICE } from '../support/flow-host.ts'
import { checkAnswer } from '../support/openapi-check.ts'
import { firstRun, runNow } from '../support/stripe-host.ts'
import { GLOBEX } from '../support/test-host.ts'
import { eventsOf } from './support.ts'
import { SPEC } from './xsolla-plugin.ts'
import {
  connect,
  createXsollaFlow,
  KEY,
  payment,
  send,
  startXsollaHost,
  userValidation,
  type XsollaHost,
} from './xsolla-support.ts'

let host: XsollaHost
/** The users that the source lists. */
let users: { readonly id: unknown; readonly name?: string }[] = []
/** Answers `/users/exists`. */
let verdict: (request: SourceRequest) => SourceAnswer | Promise<SourceAnswer>

beforeAll(async () => {
  host = await startXsollaHost({
    answer: (request) => (request.path === '/users' ? { body: users } : verdict(request)),
  })
})

beforeEach(() => {
  users = []
  verdict = () => ({ status: 500 })
})

afterAll(() => host.stop())

/** Asks about a user; returns the status and the code of a refusal. */
async function ask(baseId: string, notification: object): Promise<readonly [number, string | null]> {
  const response = await send(host, baseId, notification)
  const body = response.status === 204 ? undefined : response.body
  checkAnswer('post', `/webhooks/xsolla/${baseId}`, response.status, body)
  return [response.status, response.body?.error?.code ?? null]
}

const EXISTS = [204, null]
const UNKNOWN = [400, 'INVALID_USER']
const FAULT = [500, null]

describe('the dataset', () => {
  async function withUsers(...listed: typeof users) {
    users = listed
    const baseId = await connect(host.api, host.source.url)
    const chain = await createXsollaFlow(host.api, baseId, 'users')
    await firstRun(host.api, chain.flowId)
    return { baseId, chain }
  }

  test('knows the users that a flow of the connection has landed, by integer or text', async () => {
    const { baseId } = await withUsers({ id: 'player-1' }, { id: 42 })
    for (const id of ['player-1', 42, '42']) expect(await ask(baseId, userValidation(id))).toEqual(EXISTS)
    for (const id of ['player-2', 43, 'PLAYER-1', "' or 1=1 --"]) {
      expect(await ask(baseId, userValidation(id))).toEqual(UNKNOWN)
    }
  })

  test('is asked anew each time, so a user who has come meanwhile is known', async () => {
    const { baseId, chain } = await withUsers()
    expect(await ask(baseId, userValidation('late'))).toEqual(UNKNOWN)
    users = [{ id: 'late' }]
    await runNow(host.api, chain.flowId)
    expect(await ask(baseId, userValidation('late'))).toEqual(EXISTS)
  })

  test('of another connection or another tenant does not count', async () => {
    await withUsers({ id: 'theirs' })
    const other = await connect(host.api, host.source.url)
    await createXsollaFlow(host.api, other, 'users')
    expect(await ask(other, userValidation('theirs'))).toEqual(UNKNOWN)
    const foreign = await connect(await host.as(GLOBEX), host.source.url)
    expect(await ask(foreign, userValidation('theirs'))).toEqual(UNKNOWN)
  })

  test('does not know a subscription of that id for a user', async () => {
    verdict = () => ({ body: [{ id: 77 }] })
    const baseId = await connect(host.api, host.source.url)
    const { flowId } = await createXsollaFlow(host.api, baseId, 'subscriptions')
    await firstRun(host.api, flowId)
    expect(await ask(baseId, userValidation(77))).toEqual(UNKNOWN)
  })

  test('that there is not knows nobody', async () => {
    expect(await ask(await connect(host.api, host.source.url), userValidation())).toEqual(UNKNOWN)
  })

  test('is asked about a payment by nobody: the user has paid already', async () => {
    const baseId = await connect(host.api, host.source.url)
    expect(await ask(baseId, payment({ user: { id: 'unknown' } }))).toEqual(EXISTS)
  })
})

describe('the notification', () => {
  test('is kept once for each body when the user exists, and not at all when not', async () => {
    verdict = ({ query }) => ({ status: query.get('user_id') === 'player-1' ? 200 : 404 })
    const baseId = await connectAsking('/users/exists')
    for (const country of ['DE', 'DE', 'FR']) {
      const body = userValidation('player-1', { user: { id: 'player-1', country } })
      expect(await ask(baseId, body)).toEqual(EXISTS)
    }
    expect(await ask(baseId, userValidation('nobody'))).toEqual(UNKNOWN)
    const events = await eventsOf(host.api, baseId)
    expect(events.map(({ type }) => type)).toEqual(['user_validation', 'user_validation'])
  })

  test('that repeats one whose user is gone is refused, while a known payment keeps its answer', async () => {
    verdict = () => ({ status: 200 })
    const baseId = await connectAsking('/users/exists')
    const paid = payment()
    expect([await ask(baseId, userValidation()), await ask(baseId, paid)]).toEqual([EXISTS, EXISTS])
    verdict = () => ({ status: 404 })
    expect([await ask(baseId, userValidation()), await ask(baseId, paid)]).toEqual([UNKNOWN, EXISTS])
    expect(await eventsOf(host.api, baseId)).toHaveLength(2)
  })
})

function connectAsking(path: string, base = host.source.url): Promise<string> {
  return connect(host.api, host.source.url, { webhookSecret: KEY, userValidationUrl: `${base}${path}` })
}

describe('the configured URL', () => {
  test('is asked with the id alone, whatever is in it, and keeps its own query', async () => {
    const asked: SourceRequest[] = []
    verdict = (request) => {
      asked.push(request)
      return { status: 204 }
    }
    const baseId = await connectAsking('/users/exists?game=7')
    const ids = ['player-1', 42, '../admin?x=1&y#z', '이름 🎮']
    for (const id of ids) expect(await ask(baseId, userValidation(id))).toEqual(EXISTS)
    expect(asked.map(({ method, path, query, body }) => [method, path, [...query], body])).toEqual(
      ids.map((id) => [
        'GET',
        '/users/exists',
        [
          ['game', '7'],
          ['user_id', String(id)],
        ],
        '',
      ]),
    )
    for (const { headers } of asked) expect(headers).not.toHaveProperty('authorization')
  })

  test('decides alone: what the dataset knows does not count', async () => {
    users = [{ id: 'player-1' }]
    verdict = () => ({ status: 404 })
    const baseId = await connectAsking('/users/exists')
    const { flowId } = await createXsollaFlow(host.api, baseId, 'users')
    await firstRun(host.api, flowId)
    expect(await ask(baseId, userValidation('player-1'))).toEqual(UNKNOWN)
  })

  test.each<[number, readonly unknown[]]>([
    [200, EXISTS],
    [204, EXISTS],
    [400, UNKNOWN],
    [403, UNKNOWN],
    [404, UNKNOWN],
    [410, UNKNOWN],
    [422, UNKNOWN],
    [301, FAULT],
    [401, FAULT],
    [408, FAULT],
    [429, FAULT],
    [500, FAULT],
    [503, FAULT],
  ])('that answers %i', async (status, expected) => {
    verdict = () => ({ status })
    const baseId = await connectAsking('/users/exists')
    expect(await ask(baseId, userValidation())).toEqual(expected)
    expect(await eventsOf(host.api, baseId)).toHaveLength(expected === EXISTS ? 1 : 0)
  })

  test('that does not answer in time, or cannot be reached, is a fault that Xsolla may try again', async () => {
    const late = Promise.withResolvers<SourceAnswer>()
    verdict = () => late.promise
    const slow = await connectAsking('/users/exists')
    expect(await ask(slow, userValidation())).toEqual(FAULT)
    late.resolve({ status: 200 })
    expect(await ask(slow, userValidation())).toEqual(EXISTS)
    expect(await ask(await connectAsking('/', 'https://users.invalid'), userValidation())).toEqual(FAULT)
  }, 30_000)

  test('that leads where the settings do not allow is not called, nor a redirect to there', async () => {
    const forbidden = await startTestSource()
    try {
      const { port } = new URL(forbidden.url)
      for (const name of ['127.0.0.1', 'localhost', '[::ffff:127.0.0.1]', '2130706433']) {
        const baseId = await connectAsking('/users/exists', `http://${name}:${port}`)
        expect(await ask(baseId, userValidation())).toEqual(FAULT)
      }
      verdict = () => ({ status: 302, headers: { Location: `${forbidden.url}/users` } })
      expect(await ask(await connectAsking('/users/exists'), userValidation())).toEqual(FAULT)
      expect(forbidden.requests).toEqual([])
    } finally {
      await forbidden.close()
    }
  })

  test('is refused when it is none, or carries a user', async () => {
    for (const userValidationUrl of ['users', 'ftp://x.test/', 'http://me:secret@x.test/', 'http://x.test/a b', 7]) {
      const params = { host: 'https://x.test', username: '1', password: 'p', userValidationUrl }
      const body = { name: 'Xsolla', connectionSpec: SPEC, auth: { specName: 'Basic Authentication', params } }
      const response = await host.api.post(`${FLOW_SERVICE}/connections`, body)
      expect([response.status, response.body.errorCode]).toEqual([400, '1312-400'])
    }
  })
})
