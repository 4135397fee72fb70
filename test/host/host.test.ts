import { afterEach, describe, expect, test } from '@jest/globals'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { ConfigError } from '../../src/config.ts'
import { openSqliteStore } from '../../src/store/sqlite/sqlite-store.ts'
import { startTestHost } from '../support/test-host.ts'
import type { TestHost, TestHostOptions } from '../support/test-host.ts'

let hosts: TestHost[] = []
afterEach(async () => {
  await Promise.all(hosts.map((each) => each.stop()))
  hosts = []
})

async function make(options: TestHostOptions = {}): Promise<TestHost> {
  const made = await startTestHost(options)
  hosts.push(made)
  return made
}

describe('a host', () => {
  test('listens on a free port for PORT=0 and says which', async () => {
    const { host } = await make()
    const { url } = await host.start()
    expect(url).toMatch(/^http:\/\/127\.0\.0\.1:[1-9]\d*$/)
    expect((await fetch(`${url}/ready`)).status).toBe(200)
  })

  test('makes absolute URLs from PUBLIC_URL, or else from the address it listens on', async () => {
    const named = await make({ env: { PUBLIC_URL: 'https://flow.example.com/' } })
    expect(named.host.publicUrl()).toBe('https://flow.example.com')
    const unnamed = await make({ env: { PUBLIC_URL: '' } })
    const { url } = await unnamed.host.start()
    expect(unnamed.host.publicUrl()).toBe(url)
  })

  test('names a wildcard address by a name that can be called', async () => {
    const { host } = await make({ env: { HOST: '0.0.0.0', PUBLIC_URL: '' } })
    const { url } = await host.start()
    expect(url).toMatch(/^http:\/\/localhost:\d+$/)
  })

  test('may be stopped before it was started, and more than once', async () => {
    const { host } = await make()
    await Promise.all([host.stop(), host.stop()])
    await host.stop()
  })

  test('stops listening and releases its folder', async () => {
    const dataDir = await mkdtemp(path.join(tmpdir(), 'host-'))
    const first = await make({ dataDir })
    const { url } = await first.host.start()
    await first.stop()
    await expect(fetch(`${url}/health`)).rejects.toThrow()
    const second = await make({ dataDir })
    await second.stop()
    await rm(dataDir, { recursive: true })
  })

  test('leaves a store open that it was given', async () => {
    const store = await openSqliteStore({ dataDir: ':memory:' })
    const { host } = await make({ store })
    await host.stop()
    await store.ping()
    await store.close()
  })

  test('that is refused an address can be told from one that is broken', async () => {
    const taken = await make()
    const { url } = await taken.host.start()
    const second = await make({ env: { PORT: new URL(url).port } })
    await expect(second.host.start()).rejects.toThrow(ConfigError)
  })

  test('that is made twice on one folder is refused the second time', async () => {
    const first = await make()
    await expect(startTestHost({ dataDir: first.dataDir })).rejects.toThrow(/DATA_DIR.*in use/)
  })

  test('of an organisation with hundreds of sandboxes keeps them apart', async () => {
    const sandboxes = Array.from({ length: 200 }, (_, index) => `box-${index}`)
    const client = { clientId: 'many', clientSecret: 'many-secrets', orgId: 'MANY@AdobeOrg', sandboxes }
    const { as } = await make({ env: { BOOTSTRAP_CLIENTS: JSON.stringify([client]) } })
    const lookup = async (name: string) =>
      (await (await as(client, name)).get(`/data/foundation/sandbox-management/sandboxes/${name}`)).body.id
    expect(await lookup('box-0')).not.toBe(await lookup('box-199'))
  })
})
