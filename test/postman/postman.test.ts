import { afterAll, beforeAll, expect, jest, test } from '@jest/globals'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { createStripePlugin } from '../../src/plugins/stripe/plugin.ts'
import { createStripeSandbox } from '../../src/sandbox/stripe/sandbox.ts'
import type { StripeSandbox } from '../../src/sandbox/stripe/sandbox.ts'
import { CATALOG, FLOW_SERVICE } from '../support/flow-host.ts'
import { ACME, startTestHost } from '../support/test-host.ts'
import type { TestHost } from '../support/test-host.ts'
import { collection, collectionText, environment, requestsOf } from './collection.ts'
import { runCollection } from './run-collection.ts'

let sandbox: StripeSandbox
let target: TestHost
let values: Record<string, string>

beforeAll(async () => {
  sandbox = await createStripeSandbox({ counts: { charges: 250 } })
  target = await startTestHost({ plugins: [createStripePlugin({ apiBase: sandbox.url })] })
  const { url } = await target.host.start()
  values = { HOST: url, CLIENT_ID: ACME.clientId, CLIENT_SECRET: ACME.clientSecret, ORG_ID: ACME.orgId }
})

afterAll(async () => {
  await target.stop()
  await sandbox.close()
})

test('the collection goes from an access token to records, and every assertion holds', async () => {
  const printers = [
    ...[process.stdout, process.stderr].map((stream) => jest.spyOn(stream, 'write').mockReturnValue(true)),
    ...(['log', 'info', 'warn', 'error'] as const).map((name) => jest.spyOn(console, name).mockReturnValue()),
  ]
  const called = watchHosts()
  const { sent, assertions, failures } = await runCollection(collection, values)
  const hosts = called.stop()
  const lines = printers.flatMap((printer) => printer.mock.calls)
  jest.restoreAllMocks()

  expect(failures).toEqual([])
  expect([...new Set(sent)]).toEqual(requestsOf(collection).map(({ name }) => name))
  expect(assertions).toBeGreaterThan(2 * requestsOf(collection).length)
  // The runner of the tests must neither print nor call anybody but the host, as it is handed secrets.
  expect(lines).toEqual([])
  expect(hosts).toEqual(['127.0.0.1'])
}, 120_000)

test('it deletes everything that it creates', async () => {
  for (const kind of ['connections', 'sourceConnections', 'targetConnections', 'flows']) {
    expect((await target.api.get(`${FLOW_SERVICE}/${kind}?count=true`)).body).toEqual({ count: 0 })
  }
  expect((await target.api.get(`${CATALOG}/dataSets`)).body).toEqual({})
})

test('a wrong expectation fails, wherever it stands', async () => {
  const wrong = [
    ["to.eql('Postman charges '", "to.eql('Another name '"],
    ["pm.expect(status).to.eql('success')", "pm.expect(status).to.eql('failed')"],
    ['with.lengthOf.at.most(10)', 'with.lengthOf.at.most(9)'],
    [
      "pm.expect(flow.lastOperation.operation).to.eql('update')",
      "pm.expect(flow.lastOperation.operation).to.eql('create')",
    ],
    ["pm.expect(problem.errorCode).to.eql('1418-400')", "pm.expect(problem.errorCode).to.eql('1418-409')"],
  ] as const
  const { failures } = await runCollection(JSON.parse(replaceAll(collectionText, wrong)), values)
  expect(failures.map((failure) => failure.split(':', 1)[0])).toEqual([
    'Preview the charges',
    'Read the dataset',
    'Wait for the run',
    'Wait for the second run',
    'Read the changed flow',
    'Wait for the mapping run',
    'Deleting the base connection in use is refused',
  ])
}, 120_000)

test('a run that never ends is waited for a bounded number of times', async () => {
  const patient = "if (!(status === 'success' || status === 'failed') && asked < MOST)"
  const text = replaceAll(collectionText, [[patient, 'if (asked < 3)']])
  const { sent } = await runCollection(JSON.parse(text), values)
  for (const name of ['Wait for the run', 'Wait for the second run']) {
    expect(sent.filter((other) => other === name)).toHaveLength(3)
  }
}, 120_000)

test('without credentials it stops before the second request and says what to set', async () => {
  const { sent, failures } = await runCollection(collection, { HOST: values['HOST'] ?? '' })
  expect(sent).toEqual(['Get an access token'])
  expect(failures.join()).toContain('set CLIENT_ID, CLIENT_SECRET, ORG_ID in it first')
})

test('every request asserts something, under a name of its own', () => {
  const requests = requestsOf(collection)
  expect(new Set(requests.map(({ name }) => name)).size).toBe(requests.length)
  for (const { name, event = [] } of requests) {
    const script = event.filter(({ listen }) => listen === 'test').flatMap(({ script }) => script.exec)
    expect([name, script.join('\n')]).toEqual([name, expect.stringMatching(/pm\.test\('It answers \d{3}\.'/)])
  }
})

test('every variable is declared, and none holds a secret of anybody', () => {
  const declared = [...environment.values, ...collection.variable].map(({ key }) => key)
  const used = [...collectionText.matchAll(/\{\{([A-Z_]+)\}\}|collectionVariables\.[gs]et\('([A-Z_]+)'/g)]
  for (const [, template, script] of used) expect(declared).toContain(template ?? script)
  expect(environment.values.filter(({ value }) => value !== '').map(({ key, value }) => [key, value])).toEqual([
    ['HOST', 'http://127.0.0.1:8080'],
    ['SANDBOX_NAME', 'prod'],
    ['STRIPE_KEY', 'sk_test_sandbox'],
  ])
  expect(collection.variable.filter(({ value }) => value !== '')).toEqual([])
  expect(collectionText).not.toMatch(/\b[rs]k_(live|test)_|\beyJ[\w-]+\.[\w-]+\./)
})

/** Replaces each first text by the second one, and proves that it was there. */
function replaceAll(text: string, pairs: readonly (readonly [string, string])[]): string {
  return pairs.reduce((result, [from, to]) => {
    expect(result).toContain(from)
    return result.replaceAll(from, to)
  }, text)
}

/** Notes every address that this process connects to, and every name that it looks up. */
function watchHosts() {
  const hosts = new Set<string | undefined>()
  const onSocket = (message: unknown) => {
    const { socket } = message as { socket: Socket }
    socket.once('lookup', (_error, _address, _family, host) => hosts.add(host))
    socket.once('connect', () => hosts.add(socket.remoteAddress))
  }
  subscribe('net.client.socket', onSocket)
  return {
    stop() {
      unsubscribe('net.client.socket', onSocket)
      return [...hosts]
    },
  }
}
