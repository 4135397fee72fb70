import { once } from 'node:events'
import { Agent, createServer, request } from 'node:http'
import type { RequestListener } from 'node:http'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { answerBadRequest } from '../../src/http/client-error.ts'
import type { TestApi } from '../support/test-host.ts'

export interface WireRequest {
  readonly method: string
  /** Goes out as it is: nothing is encoded, cleaned up or refused that HTTP lets through. */
  readonly target: string
  readonly headers?: Readonly<Record<string, string>>
  /** Bytes or text, sent as they are. */
  readonly body?: string | Uint8Array | undefined
}

export interface WireAnswer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  readonly text: string
  /** The body parsed, undefined when it is empty. Throws when it is no JSON. */
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any
}

/** Calls over real, kept connections, as many of them at a time as wanted. Call `close` when done. */
export interface Wire {
  send(request: WireRequest): Promise<WireAnswer>
  /** With the API headers of a caller. */
  as(api: Pick<TestApi, 'headers'>): (request: WireRequest) => Promise<WireAnswer>
  close(): Promise<void>
}

export async function openWire(listener: RequestListener): Promise<Wire> {
  const server = createServer(listener).on('clientError', answerBadRequest).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  const agent = new Agent({ keepAlive: true, maxSockets: 16 })

  async function send({ method, target, headers = {}, body }: WireRequest): Promise<WireAnswer> {
    const length = body === undefined ? {} : { 'content-length': Buffer.byteLength(body) }
    const sent = request({ agent, port, host: '127.0.0.1', method, path: target, headers: { ...headers, ...length } })
    const answered = once(sent, 'response')
    sent.end(body)
    const [response] = await answered
    const received = await text(response)
    return {
      status: response.statusCode ?? 0,
      headers: response.headers,
      text: received,
      get body() {
        return received === '' ? undefined : JSON.parse(received)
      },
    }
  }

  return {
    send,
    as: (api) => (request) => send({ ...request, headers: { ...api.headers, ...request.headers } }),
    async close() {
      agent.destroy()
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
