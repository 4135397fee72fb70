import { once } from 'node:events'
import { createServer } from 'node:http'
import type { RequestListener } from 'node:http'
import { connect } from 'node:net'
import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'

export interface RawResponse {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** The body parsed, undefined when it is no JSON. */
  readonly json: unknown
}

/**
 * Sends the lines as they are over a socket, what an HTTP client would clean up or refuse included. The head gets
 * `Connection: close` and its empty line; `body` follows as it is.
 */
export async function rawRequest(
  listener: RequestListener,
  head: readonly string[],
  body: string | Uint8Array = '',
): Promise<RawResponse> {
  const server = createServer(listener).listen(0, '127.0.0.1')
  try {
    await once(server, 'listening')
    const socket = connect((server.address() as AddressInfo).port, '127.0.0.1')
    socket.write(`${[...head, 'Connection: close'].join('\r\n')}\r\n\r\n`)
    if (body.length > 0) socket.write(body)
    return parseResponse(await text(socket))
  } finally {
    server.closeAllConnections()
    server.close()
  }
}

function parseResponse(response: string): RawResponse {
  const end = response.indexOf('\r\n\r\n')
  const [statusLine = '', ...lines] = response.slice(0, end).split('\r\n')
  const headers = Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf(':')).toLowerCase(), line.slice(line.indexOf(':') + 1).trim()]),
  )
  const body = response.slice(end + 4)
  return { status: Number(statusLine.split(' ')[1]), headers, body, json: parseJson(body) }
}

function parseJson(body: string): unknown {
  try {
    return JSON.parse(body)
  } catch {
    return undefined
  }
}
