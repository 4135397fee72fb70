import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { v4 as newId } from 'uuid'
import { FIRST_CLIENT_FILE, bootstrapClients } from '../../src/auth/bootstrap.ts'
import { verifyClientSecret } from '../../src/auth/client-secret.ts'
import { systemClock as clock } from '../../src/clock.ts'
import { ConfigError, loadConfig } from '../../src/config.ts'
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import type { Store } from '../../src/store/store.ts'

let store: Store
let dataDir: string
beforeEach(async () => {
  dataDir = await mkdtemp(path.join(tmpdir(), 'bootstrap-'))
  store = await openSqliteStore({ dataDir: ':memory:' })
})
afterEach(async () => {
  await store.close()
  await rm(dataDir, { recursive: true })
})

const start = (env: Record<string, string> = {}) =>
  bootstrapClients({ config: loadConfig({ ...env, DATA_DIR: dataDir }), store, clock, newId })

const ACME = { clientId: 'acme', clientSecret: 'acme-secret', orgId: 'ACME@AdobeOrg' }
const clients = (...list: object[]) => ({ BOOTSTRAP_CLIENTS: JSON.stringify(list) })

describe('the first start', () => {
  test('makes a random client with a prod sandbox and keeps it in a file that only its owner can read', async () => {
    const first = await start()
    expect(first).not.toBeNull()
    if (!first) return
    const file = path.join(dataDir, FIRST_CLIENT_FILE)
    const { clientId, clientSecret, orgId } = first
    expect(JSON.parse(await readFile(file, 'utf8'))).toEqual({ clientId, clientSecret, orgId })
    expect((await stat(file)).mode & 0o777).toBe(0o600)
    expect(orgId).toMatch(/^[0-9A-F]{24}@AdobeOrg$/)
    const stored = await store.clients.getClient(clientId)
    expect(await verifyClientSecret(clientSecret, stored?.secretHash ?? '')).toBe(true)
    expect(await store.clients.getSandbox(orgId, 'prod')).toMatchObject({ orgId, sandboxName: 'prod' })
  })

  test('takes what the settings name and makes up the rest', async () => {
    const first = await start({ BOOTSTRAP_CLIENT_ID: 'mine', BOOTSTRAP_ORG_ID: 'MINE@AdobeOrg' })
    expect(first).toMatchObject({ clientId: 'mine', orgId: 'MINE@AdobeOrg' })
    expect(first?.clientSecret.length).toBeGreaterThan(30)
  })

  test('with BOOTSTRAP_CLIENTS makes those and no random one', async () => {
    expect(await start(clients(ACME, { ...ACME, clientId: 'other', sandboxes: ['dev', 'stage'] }))).toBeNull()
    expect(await store.clients.countClients()).toBe(2)
    expect(await readdir(dataDir)).toEqual([])
    for (const name of ['prod', 'dev', 'stage']) {
      expect(await store.clients.getSandbox(ACME.orgId, name)).not.toBeNull()
    }
  })
})

describe('a later start', () => {
  test('makes nothing', async () => {
    const first = await start()
    expect(await start()).toBeNull()
    expect(await store.clients.countClients()).toBe(1)
    expect(
      await start({ BOOTSTRAP_CLIENT_ID: first?.clientId ?? '', BOOTSTRAP_CLIENT_SECRET: 'changed-secret' }),
    ).toBeNull()
  })

  test('leaves a client as it is and adds new sandboxes', async () => {
    await start(clients(ACME))
    const prod = await store.clients.getSandbox(ACME.orgId, 'prod')
    await start(clients({ ...ACME, clientSecret: 'changed-secret', sandboxes: ['prod', 'dev'] }))
    const stored = await store.clients.getClient(ACME.clientId)
    expect(await verifyClientSecret(ACME.clientSecret, stored?.secretHash ?? '')).toBe(true)
    expect(await store.clients.getSandbox(ACME.orgId, 'prod')).toEqual(prod)
    expect(await store.clients.getSandbox(ACME.orgId, 'dev')).not.toBeNull()
  })

  test('adds the client that BOOTSTRAP_CLIENT_ID names when it is new', async () => {
    await start()
    expect(await start({ BOOTSTRAP_CLIENT_ID: 'second' })).toMatchObject({ clientId: 'second' })
    expect(await store.clients.countClients()).toBe(2)
  })

  test('refuses to move a client to another organisation', async () => {
    await start(clients(ACME))
    const error: unknown = await start(clients({ ...ACME, orgId: 'OTHER@AdobeOrg' })).catch((reason) => reason)
    expect(error).toBeInstanceOf(ConfigError)
    expect(String(error)).not.toContain(ACME.clientSecret)
  })
})

test('hundreds of sandboxes are made in one start', async () => {
  const sandboxes = Array.from({ length: 300 }, (_, index) => `box-${index}`)
  await start(clients({ ...ACME, sandboxes }))
  const ids = await Promise.all(
    sandboxes.map(async (name) => (await store.clients.getSandbox(ACME.orgId, name))?.sandboxId),
  )
  expect(new Set(ids).size).toBe(300)
})
