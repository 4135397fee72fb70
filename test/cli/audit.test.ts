import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from '@jest/globals'
import { startProcess } from '../support/start-process.ts'
import { createStripeChain, firstRun, startStripeHost, type StripeHost } from '../support/stripe-host.ts'
import { ACME } from '../support/test-host.ts'

let host: StripeHost
let url: string
let flowId: string
let folder: string

const CREDENTIALS = { CLIENT_ID: ACME.clientId, CLIENT_SECRET: ACME.clientSecret, ORG_ID: ACME.orgId }

beforeAll(async () => {
  host = await startStripeHost({ counts: { charges: 250 } })
  ;({ url } = await host.host.start())
  ;({ flowId } = await createStripeChain(host.api))
  await firstRun(host.api, flowId)
  folder = await mkdtemp(join(tmpdir(), 'flow-audit-'))
}, 30_000)

afterAll(async () => {
  await host.stop()
  await rm(folder, { recursive: true, force: true })
})

async function audit(args: readonly string[], env: Readonly<Record<string, string>> = CREDENTIALS) {
  const child = startProcess({ DATA_DIR: folder, ...env }, ['src/main.ts', 'audit', ...args])
  const code = await child.ended
  return { code, stdout: child.stdout(), stderr: child.stderr() }
}

const chargeIds = () => [...host.sandbox.world.all('charges')].map(({ id }) => id)

test('a dataset that is like its source ends with 0', async () => {
  const { code, stdout, stderr } = await audit(['--flow', flowId, '--url', url])
  expect([code, stdout]).toEqual([0, 'Compared 250 objects. Nothing differs.\n'])
  expect(stderr).toContain('250/250')
}, 30_000)

test('drift is told with its first findings and ends with 1; mended it ends with 0, and stays so', async () => {
  const ids = chargeIds().slice(0, 14)
  const [removed, ...changed] = ids
  host.sandbox.apply({ type: 'remove', id: removed! })
  for (const id of changed) host.sandbox.apply({ type: 'patch', id, fields: { description: 'x' }, silent: true })

  const found = await audit(['--flow', flowId, '--url', url])
  expect(found.code).toBe(1)
  expect(found.stdout).toMatch(
    /missing {2}0 .*\n {2}extra {4}1 .*\n {2}stale {4}13 .*\nThe first 10 of 14 \(all: GET \/data\//,
  )
  expect(ids.filter((id) => found.stdout.includes(id))).toHaveLength(10)

  const mended = await audit(['--flow', flowId, '--url', url, '--repair'])
  expect([mended.code, mended.stdout]).toEqual([
    0,
    expect.stringMatching(/Run [0-9a-f-]+ delivered 14 of them anew\.\n$/),
  ])
  expect((await audit(['--flow', flowId, '--url', url])).code).toBe(0)
}, 60_000)

test('what cannot be audited ends with 2 and says why', async () => {
  const unknown = await audit(['--flow', '00000000-0000-4000-8000-000000000000', '--url', url])
  expect([unknown.code, unknown.stderr]).toEqual([2, expect.stringContaining('flows not found')])
  const away = await audit(['--flow', flowId, '--url', 'http://127.0.0.1:1'])
  expect([away.code, away.stderr]).toEqual([2, expect.stringContaining('No host answers at http://127.0.0.1:1')])
  const stranger = await audit(['--flow', flowId, '--url', url], { ...CREDENTIALS, CLIENT_SECRET: 'wrong' })
  expect([stranger.code, stranger.stderr]).toEqual([2, expect.stringContaining('client_secret is wrong')])
  const sandbox = await audit(['--flow', flowId, '--url', url, '--sandbox', 'dev'])
  expect([sandbox.code, sandbox.stderr]).toEqual([2, expect.stringContaining('flows not found')])
  const nobody = await audit(['--flow', flowId, '--url', url], {})
  expect([nobody.code, nobody.stderr]).toEqual([2, expect.stringContaining('set CLIENT_ID, CLIENT_SECRET and ORG_ID')])
  const nothing = await audit([])
  expect([nothing.code, nothing.stderr]).toEqual([2, expect.stringContaining('--flow <id>')])
}, 60_000)

test('the credentials may stand under the names of the host’s own settings', async () => {
  const env = {
    BOOTSTRAP_CLIENT_ID: ACME.clientId,
    BOOTSTRAP_CLIENT_SECRET: ACME.clientSecret,
    BOOTSTRAP_ORG_ID: ACME.orgId,
  }
  expect((await audit(['--flow', flowId, '--url', url], env)).code).toBe(0)
}, 30_000)

test('the credentials may be those that the host’s first start has left in its folder', async () => {
  const child = startProcess({ DATA_DIR: join(folder, 'own'), LOG_LEVEL: 'warn' })
  try {
    const [, own = ''] = await child.waitFor(/Listening on (\S+)/)
    const { code, stderr } = await audit(['--flow', flowId, '--url', own], { DATA_DIR: join(folder, 'own') })
    // Signed in: the new host just does not have the flow.
    expect([code, stderr]).toEqual([2, expect.stringContaining('flows not found')])
  } finally {
    child.child.kill('SIGTERM')
    await child.ended
  }
}, 30_000)

test('the help names the options, the credentials and the exit codes', async () => {
  const { code, stdout } = await audit(['--help'])
  expect(code).toBe(0)
  for (const name of [
    '--flow <id>',
    '--repair',
    '--url <url>',
    '--sandbox <name>',
    'CLIENT_SECRET',
    'DATA_DIR',
    'Exit codes',
  ]) {
    expect(stdout).toContain(name)
  }
}, 30_000)
