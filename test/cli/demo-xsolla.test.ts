import { expect, test } from '@jest/globals'
import { startProcess } from '../support/start-process.ts'

test('the Xsolla demo reads a list that moves, delivers each subscription once and ends well', async () => {
  const demo = startProcess({}, ['src/main.ts', 'demo', 'xsolla', '--once', '--port', '0', '--charges', '10'])
  expect(await demo.ended).toBe(0)
  const printed = demo.stdout()
  expect(printed).toContain('"user_subscriptions"')
  expect(printed).toMatch(/offsets 0 15 30 .* 0 15 30/)
  expect(printed).toMatch(/\d+ subscriptions, each exactly once/)
  expect(printed).toContain('Everything is as promised.')
}, 60_000)

test('the sandbox command starts an Xsolla whose token works, with options of its own', async () => {
  const sandbox = startProcess({}, ['src/main.ts', 'sandbox', 'xsolla', '--port', '0', '--subscriptions', '3'])
  await sandbox.waitFor(/Stop with Ctrl-C/)
  const printed = sandbox.stdout()
  const [, token = ''] = /^Token: +(\S+)/m.exec(printed) ?? []
  const [, url = ''] = /'(http:[^']+)'/.exec(printed) ?? []
  const response = await fetch(url, { headers: { Authorization: `Bearer ${token}` } })
  expect(((await response.json()) as { items: unknown[] }).items).toHaveLength(3)
  sandbox.child.kill('SIGTERM')
  expect(await sandbox.ended).toBe(0)
  expect(sandbox.stdout()).toContain('Stopped by SIGTERM after 1 requests.')
}, 60_000)
