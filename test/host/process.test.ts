import { afterEach, beforeEach, describe, expect, test } from '@jest/globals'
import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { mkdtemp, readFile, readdir, rm, stat } from 'node:fs/promises'
import { createServer } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { startProcess } from '../support/start-process.ts'
import type { HostProcess } from '../support/start-process.ts'

const run = promisify(execFile)

const COMMAND = /\n\n {2}(TOKEN=[^]*?)\n\n/
const LISTENING = /^Listening on (http:\S+)$/m

let folder: string
let dataDir: string
let processes: HostProcess[] = []
beforeEach(async () => {
  folder = await mkdtemp(path.join(tmpdir(), 'host-process-'))
  dataDir = path.join(folder, 'data')
})
afterEach(async () => {
  for (const { child } of processes) child.kill('SIGKILL')
  await Promise.all(processes.map(({ ended }) => ended))
  processes = []
  await rm(folder, { recursive: true })
})

function start(env: Record<string, string> = {}, args?: readonly string[]): HostProcess {
  const started = startProcess({ DATA_DIR: dataDir, ...env }, args)
  processes.push(started)
  return started
}

async function urlOf(host: HostProcess): Promise<string> {
  const [, url = ''] = await host.waitFor(LISTENING)
  return url
}

async function stop(host: HostProcess): Promise<number | null> {
  host.child.kill('SIGTERM')
  return host.ended
}

describe('the first start', () => {
  test('prints a client and a command that works as it stands', async () => {
    const host = start()
    const [, command = ''] = await host.waitFor(COMMAND)
    const { stdout } = await run('sh', ['-c', command])
    expect(JSON.parse(stdout)).toEqual({ items: [], _links: {} })

    const file = JSON.parse(await readFile(path.join(dataDir, 'first-client.json'), 'utf8'))
    for (const value of [file.clientId, file.clientSecret, file.orgId]) expect(host.stdout()).toContain(value)
  })

  test('works for a client with characters that a shell would take', async () => {
    const secret = 'a"b\'c `d` $(e) & %41'
    const host = start({
      BOOTSTRAP_CLIENT_ID: "it's-$HOME",
      BOOTSTRAP_CLIENT_SECRET: secret,
      BOOTSTRAP_ORG_ID: "O'Neil$1@AdobeOrg",
    })
    const [, command = ''] = await host.waitFor(COMMAND)
    const { stdout } = await run('sh', ['-c', command], { env: { ...process.env, BOOTSTRAP_CLIENT_SECRET: secret } })
    expect(JSON.parse(stdout)).toEqual({ items: [], _links: {} })
    expect(host.stdout()).not.toContain(secret)
    expect(await readdir(dataDir)).not.toContain('first-client.json')
  })

  test('makes a folder and secrets that only the owner can read', async () => {
    await urlOf(start())
    const modes = await Promise.all(
      ['.', 'encryption.key', 'first-client.json', 'host.db'].map(
        async (name) => (await stat(path.join(dataDir, name))).mode & 0o777,
      ),
    )
    expect(modes).toEqual([0o700, 0o600, 0o600, 0o600])
  })
})

describe('a later start', () => {
  test('keeps the client and does not show its secret again', async () => {
    const first = start()
    await urlOf(first)
    expect(await stop(first)).toBe(0)
    const { clientId, clientSecret } = JSON.parse(await readFile(path.join(dataDir, 'first-client.json'), 'utf8'))

    const second = start()
    const url = await urlOf(second)
    const response = await fetch(`${url}/ims/token/v3`, {
      method: 'POST',
      body: new URLSearchParams({ grant_type: 'client_credentials', client_id: clientId, client_secret: clientSecret }),
    })
    expect(response.status).toBe(200)
    expect(second.stdout()).not.toContain(clientSecret)
  })

  test('follows a crash without complaint', async () => {
    const first = start()
    await urlOf(first)
    first.child.kill('SIGKILL')
    await first.ended
    const url = await urlOf(start())
    expect((await fetch(`${url}/ready`)).status).toBe(200)
  })
})

describe('a start that cannot work ends with one line and code 1', () => {
  async function refusal(env: Record<string, string>): Promise<string> {
    const host = start(env)
    expect(await host.ended).toBe(1)
    expect(host.stdout()).toBe('')
    expect(host.stderr()).toMatch(/^[^\n]+\n$/)
    return host.stderr()
  }

  test('a second process on the same folder', async () => {
    await urlOf(start())
    const line = await refusal({})
    expect(line).toContain('DATA_DIR')
    expect(line).toContain('in use by another process')
  })

  test('a bad setting', async () => {
    expect(await refusal({ PORT: 'http' })).toMatch(/^PORT must be/)
  })

  test('a port that is taken', async () => {
    const server = createServer().listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    const line = await refusal({ PORT: String(port) })
    server.close()
    expect(line).toContain(`cannot listen on 127.0.0.1:${port}: it is in use`)
  })

  test('a folder that cannot be made', async () => {
    expect(await refusal({ DATA_DIR: '/dev/null/data' })).toContain('DATA_DIR')
  })

  test('another encryption key than the store knows', async () => {
    const first = start({ ENCRYPTION_KEY: Buffer.alloc(32, 1).toString('base64') })
    await urlOf(first)
    await stop(first)
    const line = await refusal({ ENCRYPTION_KEY: Buffer.alloc(32, 2).toString('base64') })
    expect(line).toContain('ENCRYPTION_KEY does not fit')
  })
})

describe('a stop signal', () => {
  test.each(['SIGTERM', 'SIGINT'] as const)(
    'ends the process with code 0 at once when nothing is going on: %s',
    async (signal) => {
      const host = start()
      const url = await urlOf(host)
      // A connection that is kept alive must not hold the process up.
      await fetch(`${url}/health`)
      const stoppedAt = performance.now()
      host.child.kill(signal)
      expect(await host.ended).toBe(0)
      expect(performance.now() - stoppedAt).toBeLessThan(4000)
    },
  )

  test('lets a request finish that has arrived in part', async () => {
    const host = start()
    const url = await urlOf(host)
    const socket = connect(Number(new URL(url).port), '127.0.0.1').setEncoding('utf8')
    const body = 'grant_type=password'
    socket.write(
      `POST /ims/token/v3 HTTP/1.1\r\nHost: a\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: ${body.length}\r\n\r\n`,
    )
    // The answer to another request proves that the head has been read.
    await fetch(`${url}/health`)
    host.child.kill('SIGTERM')
    await host.waitFor(/"msg":"Stopping"/)
    socket.write(body)
    const [answer] = await once(socket, 'data')
    expect(answer).toContain('unsupported_grant_type')
    expect(await host.ended).toBe(0)
  })

  test('ends the process at once when it comes a second time', async () => {
    const host = start()
    const url = await urlOf(host)
    const socket = connect(Number(new URL(url).port), '127.0.0.1')
    socket.on('error', () => {})
    socket.write('POST /ims/token/v3 HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n')
    await fetch(`${url}/health`)
    host.child.kill('SIGTERM')
    await host.waitFor(/"msg":"Stopping"/)
    // At once it would count as the first one, passed on by npm.
    host.child.kill('SIGTERM')
    await new Promise((resolve) => setTimeout(resolve, 500))
    expect(host.child.exitCode).toBeNull()
    host.child.kill('SIGTERM')
    expect(await host.ended).toBe(1)
  })
})

describe('the command line', () => {
  test('explains the settings', async () => {
    const help = start({}, ['src/main.ts', 'start', '--help'])
    expect(await help.ended).toBe(0)
    expect(help.stdout()).toMatch(/ENCRYPTION_KEY .*32 bytes/)
  })

  test('starts through its executable', async () => {
    const host = start({}, ['bin/stripe-flow-source.js'])
    expect((await fetch(`${await urlOf(host)}/health`)).status).toBe(200)
    expect(await stop(host)).toBe(0)
  })

  test('tells an older Node what is needed', async () => {
    const older = "Object.defineProperty(process, 'versions', { value: { node: '20.11.1' } })"
    const host = start({}, [
      '--import',
      `data:text/javascript,${encodeURIComponent(older)}`,
      'bin/stripe-flow-source.js',
    ])
    expect(await host.ended).toBe(1)
    expect(host.stderr()).toMatch(/^stripe-flow-source needs Node\.js 22\.18 or newer[^\n]*\n$/)
  })
})
