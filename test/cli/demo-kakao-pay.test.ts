import { expect, test } from '@jest/globals'
import { startProcess } from '../support/start-process.ts'

test('the demo of Kakao Pay walks from the set-up over two approvals to the record, and ends well', async () => {
  const args = ['src/main.ts', 'demo', 'kakao-pay', '--once', '--port', '0', '--charges', '50']
  const demo = startProcess({}, args)
  const code = await demo.ended
  const printed = demo.stdout()
  expect({ code, stderr: code === 0 ? '' : demo.stderr() }).toEqual({ code: 0, stderr: '' })
  expect(printed).toContain('/subscriptionSetups')
  expect(printed.match(/The script presses "Approve"/g)).toHaveLength(2)
  expect(printed).toMatch(/The dataset holds sub_\w+, exactly once\./)
  expect(printed).toContain('Everything is as promised.')
  expect(printed).not.toContain('_secret_')
}, 90_000)
