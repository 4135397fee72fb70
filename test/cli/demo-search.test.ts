import { expect, test } from '@jest/globals'
import { startProcess } from '../support/start-process.ts'

test('the search demo finds subscriptions by both ways of tagging a device, at Stripe and in the dataset', async () => {
  const demo = startProcess({}, ['src/main.ts', 'demo', 'search', '--once', '--port', '0', '--charges', '400'])
  expect(await demo.ended).toBe(0)
  const printed = demo.stdout()
  expect(printed).toMatch(/[1-9]\d* carry device_type=samsung and [1-9]\d* carry Samsung=yes/)
  expect(printed).toContain('AND and OR cannot be mixed')
  expect(printed).toContain('up to an hour behind')
  expect(printed.match(/^[1-9]\d* of [1-9]\d* subscriptions\.$/gm)).toHaveLength(3)
  expect(printed).toContain('Everything is as promised.')
}, 120_000)
