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

test('the help names every flag and its default', () => {
  const help = sandboxCommand().helpInformation()
  for (const flag of ['--port', '--seed', '--charges', '--latency', '--rate-global', '--distribution', '--event-lag']) {
    expect(help).toContain(flag)
  }
  expect(help).toContain('12111')
})
