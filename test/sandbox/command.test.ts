import { spawn } from 'node:child_process'
import { createInterface } from 'node:readline'
import { expect, test } from '@jest/globals'
import { sandboxCommand } from '../../src/cli/sandbox.ts'
import { createStripeSandbox } from '../../src/sandbox/index.ts'

const SCRIPT = `
  import { sandboxCommand } from '${new URL('../../src/cli/sandbox.ts', import.meta.url).href}'
  await sandboxCommand().parseAsync(process.argv.slice(1), { from: 'user' })
`

test('the command prints a curl that works and stops on a signal', async () => {
  const flags = ['--port', '0', '--seed', '5', '--charges', '20', '--key', 'sk_test_mine']
  const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT, '--', ...flags], { stdio: 'pipe' })
  const lines: string[] = []
  const ended = new Promise<number | null>((resolve) => child.once('exit', resolve))
  for await (const line of createInterface(child.stdout)) {
    lines.push(line)
    if (!line.startsWith('Stop with')) continue
    const url = /'(http[^']+)'/.exec(lines.join('\n'))?.[1] ?? ''
    const response = await fetch(url, { headers: { Authorization: 'Bearer sk_test_mine' } })
    expect(((await response.json()) as { data: unknown[] }).data).toHaveLength(1)
    child.kill('SIGTERM')
  }
  expect(await ended).toBe(0)
  expect(lines.join('\n')).toContain('charges 20')
  expect(lines.at(-1)).toBe('Stopped by SIGTERM after 1 requests.')
})

test('a taken port and bad counts are said in one line', async () => {
  const fail = async (...flags: string[]) => {
    const command = sandboxCommand()
      .exitOverride()
      .configureOutput({ writeErr: () => {} })
    return command.parseAsync(flags, { from: 'user' }).catch((error: Error) => error.message)
  }
  const running = await createStripeSandbox({ counts: { charges: 10 } })
  const { port } = running
  const message = await fail('--port', String(port)).finally(() => running.close())
  expect(message).toContain(`port ${port} is already in use`)
  expect(await fail('--port', '0', '--customers', '0')).toContain('counts.customers')
})

test('every limit, lag and switch can be set by a flag', async () => {
  const flags = [
    ['--rate-global', '25', '--rate-endpoint', '20', '--limiter', 'window', '--concurrency', '9'],
    ['--rate-search', '15', '--search-lag', '30', '--search-shows', 'indexed', '--india'],
    ['--concurrency-endpoint', '8', '--limiter-should-retry', 'true', '--limiter-retry-after', '2'],
    ['--latency', '3', '--object-lag', '60', '--event-lag', '5', '--event-repeat-percent', '10'],
    ['--deleted-price', '404', '--missing-cursor', '404', '--journal', '100'],
    ['--first-invoice', 'requires_confirmation', '--kakao-pay', 'false', '--country', 'KR'],
    ['--webhook', 'http://127.0.0.1:9/first', '--webhook', 'http://127.0.0.1:9/second'],
    ['--fault', '{"after":7,"seconds":60,"fault":{"kind":"status","status":503}}'],
  ].flat()
  const child = spawn(
    process.execPath,
    ['--input-type=module', '-e', SCRIPT, '--', '--port', '0', '--charges', '20', ...flags],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const ended = new Promise((resolve) => child.once('exit', resolve))
  let asked = false
  for await (const line of createInterface(child.stdout)) {
    const url = /^Script: .*(http\S+)/.exec(line)?.[1]
    if (url === undefined) continue
    asked = true
    expect(await (await fetch(`${url}/settings`)).json()).toMatchObject({
      latencyMs: 3,
      latencyTailMs: 0,
      latencyTailPercent: 1,
      objectLagSeconds: 60,
      eventLagSeconds: 5,
      eventRepeatPercent: 10,
      deletedPriceStatus: 404,
      missingCursorStatus: 404,
      searchLagSeconds: 30,
      searchShows: 'indexed',
      indiaAccount: true,
      firstInvoice: 'requires_confirmation',
      kakaoPayActivated: false,
      accountCountry: 'KR',
      limits: {
        globalPerSecond: 25,
        endpointPerSecond: 20,
        searchPerSecond: 15,
        globalConcurrency: 9,
        endpointConcurrency: 8,
        algorithm: 'window',
        shouldRetry: true,
        retryAfterSeconds: 2,
      },
    })
    const { endpoints } = (await (await fetch(`${url}/webhooks`)).json()) as { endpoints: { url: string }[] }
    expect(endpoints.map((endpoint) => endpoint.url)).toEqual(['http://127.0.0.1:9/first', 'http://127.0.0.1:9/second'])
    const { faults } = (await (await fetch(`${url}/faults`)).json()) as { faults: object[] }
    expect(faults).toEqual([expect.objectContaining({ after: 7, seconds: 60 })])
    child.kill('SIGTERM')
  }
  await ended
  expect(asked).toBe(true)
})

test('a flag that is no JSON, no boolean or no known choice is refused', async () => {
  const refused = async (...flags: string[]) => {
    const command = sandboxCommand()
      .exitOverride()
      .configureOutput({ writeErr: () => {} })
    return command.parseAsync(['--port', '0', ...flags], { from: 'user' }).catch((error: Error) => error.message)
  }
  expect(await refused('--fault', '{')).toContain('It must be JSON')
  expect(await refused('--fault', '{"fault":{"kind":"gremlin"}}')).toContain('Unknown fault kind')
  expect(await refused('--webhook', 'example.com')).toContain('Invalid URL')
  expect(await refused('--limiter-should-retry', 'maybe')).toContain('true or false')
  expect(await refused('--limiter', 'funnel')).toContain('bucket, window')
  expect(await refused('--object-lag', '99999')).toContain('objectLagSeconds')
  expect(await refused('--first-invoice', 'later')).toContain('requires_confirmation')
  expect(await refused('--country', 'Korea')).toContain('accountCountry')
})

test('the help names every flag and its default', () => {
  const help = sandboxCommand().helpInformation()
  for (const flag of [
    '--port',
    '--seed',
    '--charges',
    '--latency',
    '--rate-global',
    '--distribution',
    '--event-lag',
    '--limiter',
  ]) {
    expect(help).toContain(flag)
  }
  expect(help).toContain('12111')
})
