import { expect, test } from '@jest/globals'
import { startProcess } from '../support/start-process.ts'

test('the demo walks from the access token to paged records, prints every call and ends well', async () => {
  const demo = startProcess({}, ['src/main.ts', 'demo', '--once', '--port', '0', '--charges', '350'])
  expect(await demo.ended).toBe(0)
  const printed = demo.stdout()
  expect(printed.match(/\$ curl -sS/g)?.length).toBeGreaterThanOrEqual(12)
  expect(demo.stderr()).toContain('350/350')
  expect(printed).toContain('350 charges, each exactly once')
  expect(printed).toContain('Everything is as promised.')
}, 60_000)

test('the demo ends at once and well-behaved when it is interrupted', async () => {
  const demo = startProcess({}, ['src/main.ts', 'demo', '--port', '0', '--charges', '200'])
  await demo.waitFor(/stays up/)
  demo.child.kill('SIGINT')
  expect(await demo.ended).toBe(0)
}, 60_000)
