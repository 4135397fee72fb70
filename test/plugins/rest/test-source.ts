import { once } from 'node:events'
import { createServer } from 'node:http'
import type { IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export interface SourceRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
  readonly headers: IncomingMessage['headers']
  readonly body: string
}

export interface SourceAnswer {
  readonly status?: number
  readonly headers?: Readonly<Record<string, string>>
  /** A text or buffer is sent as it is, anything else as JSON. */
  readonly body?: unknown
}

export interface TestSource {
  /** `127.0.0.1:<port>`, as it stands in REST_ALLOWED_HOSTS. */
  readonly host: string
  readonly url: string
  /** Every request, oldest first. */
  readonly requests: SourceRequest[]
  /** May be replaced at any time. */
  answer: (request: SourceRequest) => SourceAnswer | Promise<SourceAnswer>
  close(): Promise<void>
}

/** A source on a real socket. */
export async function startTestSource(answer: TestSource['answer'] = () => ({ body: {} })): Promise<TestSource> {
  const server = createServer(async (request, response) => {
    const url = new URL(request.url ?? '/', 'http://source.test')
    const received: SourceRequest = {
      method: request.method ?? '',
      path: url.pathname,
      query: url.searchParams,
      headers: request.headers,
      body: await text(request),
    }
    source.requests.push(received)
    const { status = 200, headers = {}, body } = await source.answer(received)
    response.writeHead(status, { 'Content-Type': 'application/json', ...headers })
    const isReady = typeof body === 'string' || Buffer.isBuffer(body)
    response.end(isReady ? body : body === undefined ? '' : JSON.stringify(body))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const host = `127.0.0.1:${(server.address() as AddressInfo).port}`
  const source: TestSource = {
    host,
    url: `http://${host}`,
    requests: [],
    answer,
    async close() {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
  return source
}

export interface Item {
  readonly id: number
  readonly name: string
}

export function items(count: number): Item[] {
  return Array.from({ length: count }, (_, index) => ({ id: index + 1, name: `item ${index + 1}` }))
}
