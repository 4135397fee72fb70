import { once } from 'node:events'
import { Agent, createServer, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout } from 'node:timers/promises'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createHttpClient, type QueuedResponse } from '../../../src/plugins/stripe/http-client.ts'

let server: Server
let agent: Agent
let answer: (response: ServerResponse) => unknown

beforeEach(async () => {
  agent = new Agent({ keepAlive: true })
  server = createServer((_, response) => void answer(response))
  await once(server.listen(0, '127.0.0.1'), 'listening')
})

afterEach(() => {
  agent.destroy()
  server.closeAllConnections()
  server.close()
})

async function request(): Promise<QueuedResponse> {
  const { port } = server.address() as AddressInfo
  const client = createHttpClient(agent)
  return (await client.makeRequest('127.0.0.1', String(port), '/', 'GET', {}, '', 'http', 5000)) as QueuedResponse
}

test('a body is put together from pieces that end in the middle of a character', async () => {
  const value = { name: '가나다 é 😀'.repeat(50) }
  answer = async (response) => {
    for (const byte of Buffer.from(JSON.stringify(value))) {
      response.write(Buffer.of(byte))
      await setTimeout(0)
    }
    response.end()
  }
  expect(await (await request()).toJSON()).toEqual(value)
})

test('a body larger than the memory that is kept for bodies is read whole', async () => {
  const value = { text: '한'.repeat(1_000_000) }
  answer = (response) => response.end(JSON.stringify(value))
  expect(await (await request()).toJSON()).toEqual(value)
})

test('bodies that arrive together are parsed in different rounds of the event loop, in the order of their arrival', async () => {
  answer = (response) => response.end('{"data":[]}')
  const responses = await Promise.all(Array.from({ length: 5 }, request))
  await Promise.all(responses.map((response) => response.arrival()))
  let round = 0
  const count = () => {
    round += 1
    counting = setImmediate(count)
  }
  let counting = setImmediate(count)
  const rounds = await Promise.all(responses.map(async (response) => (await response.toJSON(), round)))
  clearImmediate(counting)
  expect(new Set(rounds).size).toBe(5)
  expect(rounds).toEqual(rounds.toSorted((one, other) => one - other))
})

test('a body that is cut fails as a connection does, for whoever waits for its arrival too', async () => {
  answer = (response) => {
    response.writeHead(200, { 'Content-Length': 100 })
    response.write('{"data":')
    setImmediate(() => response.destroy())
  }
  const response = await request()
  const arrival = response.arrival()
  await expect(response.toJSON()).rejects.toThrow('Failed to read the response body')
  await expect(arrival).rejects.toThrow('Failed to read the response body')
})

test('a body that is no JSON has arrived, and is refused when it is parsed', async () => {
  answer = (response) => response.end('<html>')
  const response = await request()
  await response.arrival()
  await expect(response.toJSON()).rejects.toThrow(SyntaxError)
})
