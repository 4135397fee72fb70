import { expect, test } from '@jest/globals'
import { startProcess } from '../support/start-process.ts'

test('the webhooks demo tags a subscription, finds a lost notification, replays it and ends well', async () => {
  const demo = startProcess({}, ['src/main.ts', 'demo', 'webhooks', '--once', '--port', '0', '--charges', '300'])
  expect([await demo.ended, demo.stderr()]).toEqual([0, expect.any(String)])
  const printed = demo.stdout()
  expect(printed).toMatch(/Stripe has the endpoint we_\w+ for http:\/\/\S+\/webhooks\/stripe\/[0-9a-f-]{36}\./)
  expect(printed).toMatch(/sub_\w+ was tagged, and its new version was there \d+ ms later/)
  expect(printed).toContain('"path": "/data/metadata/device_type"')
  expect(printed).toContain('"new": "samsung"')
  expect(printed).toMatch(/sub_\w+ was canceled, and nobody was told/)
  expect(printed).toContain('"type": "customer.subscription.deleted"')
  expect(printed).toMatch(/evt_\w+ was taken again, and sub_\w+ still has 2 versions/)
  expect(printed).toContain('"webhookSecret": "********"')
  expect(printed).toContain('Everything is as promised.')
}, 120_000)
