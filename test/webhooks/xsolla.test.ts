import { DatabaseSync } from 'node:sqlite'
import path from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from '@jest/globals'
import request from 'supertest'
import { silentLogger, type Logger } from '../../src/logger.ts'
import { FLOW_SERVICE, read, UNKNOWN_ID } from '../support/flow-host.ts'
import { checkAnswer } from '../support/openapi-check.ts'
import { ACME, GLOBEX } from '../support/test-host.ts'
import { eventsOf, eventsPath, setSecret } from './support.ts'
import { SPEC } from './xsolla-plugin.ts'
import { connect, payment, send, signatureOf, startXsollaHost, type XsollaHost } from './xsolla-support.ts'

let host: XsollaHost
const logged: string[] = []

beforeAll(async () => {
  host = await startXsollaHost({ logger: recordingLogger() })
})

afterAll(() => host.stop())

function recordingLogger(): Logger {
  const note = (fields: object, message: string) => {
    logged.push(`${message} ${JSON.stringify(fields, (_, value) => (value instanceof Error ? value.stack : value))}`)
  }
  return { ...silentLogger, debug: note, info: note, warn: note, error: note, child: () => recordingLogger() }
}

const newConnection = (params?: object) => connect(host.api, host.source.url, params)

describe('the signature', () => {
  test('is the SHA-1 of the body and the key that stand here', () => {
    // printf '%s' '{"a":1}key' | sha1sum
    expect(signatureOf('{"a":1}', 'key')).toBe('f87f007ee43074224f925bb3f6511ab8a69ff086')
  })

  test('is checked on the bytes as they came: the same JSON in another form fails', async () => {
    const id = await newConnection()
    const spread = JSON.stringify(payment(), null, 4)
    const authorization = `Signature ${signatureOf(spread)}`
    expect(await host.refused(id, JSON.stringify(JSON.parse(spread)), { authorization })).toBe('INVALID_SIGNATURE')
    await host.taken(id, spread, { authorization })
  })

  test('covers every byte of a body that is not ASCII', async () => {
    const id = await newConnection()
    const body = JSON.stringify(payment({ user: { id: 'игрок-7', name: '김철수 🎮' } }))
    const escaped = body.replace(
      /[^\x00-\x7f]/g,
      (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
    )
    const authorization = `Signature ${signatureOf(body)}`
    expect(await host.refused(id, escaped, { authorization })).toBe('INVALID_SIGNATURE')
    await host.taken(id, body, { authorization })
    await host.taken(id, escaped)
  })

  test('may be written in upper case and after several spaces', async () => {
    const id = await newConnection()
    const body = JSON.stringify(payment())
    await host.taken(id, body, { authorization: `signature  ${signatureOf(body).toUpperCase()}` })
  })

  test.each<[string, (good: string) => string | null]>([
    ['missing', () => null],
    ['empty', () => ''],
    ['without its scheme', (good) => good],
    ['of another scheme', (good) => `Bearer ${good}`],
    ['too short', (good) => `Signature ${good.slice(1)}`],
    ['too long', (good) => `Signature ${good}0`],
    ['no hexadecimal number', (good) => `Signature ${good.slice(1)}x`],
    ['followed by something', (good) => `Signature ${good} ${good}`],
    ['another one', (good) => `Signature ${good.replace(/^./, (digit) => (digit === '0' ? '1' : '0'))}`],
  ])('that is %s is refused', async (_, spoil) => {
    const id = await newConnection()
    const body = JSON.stringify(payment())
    const authorization = spoil(signatureOf(body))
    expect(await host.refused(id, body, { authorization })).toBe('INVALID_SIGNATURE')
  })

  test('made with another key, or before the body was changed, is refused', async () => {
    const id = await newConnection()
    const body = JSON.stringify(payment())
    expect(await host.refused(id, body, { key: 'another' })).toBe('INVALID_SIGNATURE')
    const authorization = `Signature ${signatureOf(body)}`
    expect(await host.refused(id, body.replace('9.99', '0.99'), { authorization })).toBe('INVALID_SIGNATURE')
    expect(await host.refused(id, `${body}\n`, { authorization })).toBe('INVALID_SIGNATURE')
  })

  test('is asked for before anything else is said about the body', async () => {
    const id = await newConnection()
    for (const body of ['no json', '[]', '{}']) {
      expect(await host.refused(id, body, { key: 'another' })).toBe('INVALID_SIGNATURE')
    }
  })

  test('may be made with either of two keys while one is replaced, and then only with the new one', async () => {
    const id = await newConnection({ webhookSecret: ['old-key', 'new-key'] })
    await host.taken(id, payment(), { key: 'old-key' })
    await host.taken(id, payment(), { key: 'new-key' })
    expect(await host.refused(id, payment(), { key: 'old-key new-key' })).toBe('INVALID_SIGNATURE')
    expect((await setSecret(host.api, id, 'new-key')).status).toBe(200)
    expect(await host.refused(id, payment(), { key: 'old-key' })).toBe('INVALID_SIGNATURE')
    await host.taken(id, payment(), { key: 'new-key' })
  })

  test('leaves the key out of answers and out of the log', async () => {
    const id = await newConnection({ webhookSecret: 'hidden-key' })
    await host.taken(id, payment(), { key: 'hidden-key' })
    await host.refused(id, payment(), { key: 'hidden-other' })
    const shown = await read(host.api, 'connections', id)
    expect(shown.auth.params.webhookSecret).toBe('********')
    expect(JSON.stringify([shown, await eventsOf(host.api, id), logged])).not.toContain('hidden')
  })
})

describe('the route', () => {
  test('is closed to other methods', async () => {
    const id = await newConnection()
    for (const method of ['get', 'put', 'patch', 'delete'] as const) {
      const response = await request(host.host.router)[method](`/webhooks/xsolla/${id}`).expect(405)
      expect(response.headers['allow']).toBe('POST')
    }
  })

  test('knows no connection that is unknown, of another source, or without a key', async () => {
    await send(host, UNKNOWN_ID, payment()).expect(404)
    await send(host, 'none', payment()).expect(404)
    const id = await newConnection({})
    const { body } = await send(host, id, payment()).expect(400)
    checkAnswer('post', `/webhooks/xsolla/${id}`, 400, body)
    const known = await newConnection()
    await request(host.host.router).post(`/webhooks/stripe/${known}`).send('{}').expect(404)
  })

  test('does not take a key that is a mask, or three of them', async () => {
    for (const webhookSecret of ['********', 'a b c', ['a', 'b', 'c'], 7, '']) {
      const body = {
        name: 'Xsolla',
        connectionSpec: SPEC,
        auth: {
          specName: 'Basic Authentication',
          params: { host: 'https://x.test', username: '1', password: 'p', webhookSecret },
        },
      }
      await host.api.post(`${FLOW_SERVICE}/connections`, body).expect(400)
    }
  })

  test('answers 503 while nothing can be stored, and takes what is sent again', async () => {
    const id = await newConnection()
    const blocker = new DatabaseSync(path.join(host.dataDir, 'host.db'))
    blocker.exec('begin immediate')
    const sent = payment()
    const response = await send(host, id, sent)
    blocker.exec('rollback')
    blocker.close()
    expect([response.status, response.body.error]).toEqual([503, undefined])
    await host.taken(id, sent)
    await host.taken(id, sent)
    expect(await host.keysOf(id)).toEqual([`payment:${sent.transaction.id}`])
  }, 30_000)

  test('shows other tenants nothing of what came', async () => {
    const id = await newConnection()
    await host.taken(id, payment())
    for (const api of [await host.as(GLOBEX), await host.as(ACME, 'dev')]) {
      await api.get(eventsPath(id)).expect(404)
      await api.post(eventsPath(id, '/replay'), { from: 0 }).expect(404)
    }
    // A connection of another tenant with a key of its own does not open this one.
    const globex = await host.as(GLOBEX)
    const other = await connect(globex, host.source.url, { webhookSecret: 'globex-key' })
    expect(await host.refused(id, payment(), { key: 'globex-key' })).toBe('INVALID_SIGNATURE')
    await send(host, other, payment(), { key: 'globex-key' }).expect(204)
    expect(await host.keysOf(id)).toHaveLength(1)
    expect(await eventsOf(globex, other)).toHaveLength(1)
  })
})
