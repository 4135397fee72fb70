import { Agent as HttpAgent, request as httpRequest } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import type { ClientRequest, IncomingMessage } from 'node:http'

/** One POST to a receiver. */
export interface WebhookRequest {
  readonly url: string
  readonly body: string
  readonly headers: Readonly<Record<string, string>>
  /** A receiver that has not answered after so many milliseconds has failed. */
  readonly timeoutMs: number
  /** Pauses so many milliseconds after half of the body. */
  readonly stallMs: number
  readonly signal: AbortSignal
}

/** Sends notifications over connections that are kept for the next ones. */
export class WebhookClient {
  readonly #agents = { 'http:': new HttpAgent({ keepAlive: true }), 'https:': new HttpsAgent({ keepAlive: true }) }

  /** The status of the answer; a redirect is not followed. Rejects when there was none in time. */
  async post(request: WebhookRequest): Promise<number> {
    const signal = AbortSignal.any([request.signal, AbortSignal.timeout(request.timeoutMs)])
    try {
      return await this.#once(request, signal)
    } catch (error) {
      // The receiver may close an idle connection at the moment in which it is used again: that says nothing about it.
      if (!(error instanceof StaleConnectionError)) throw error
      return await this.#once(request, signal)
    }
  }

  /** Closes the connections. */
  close(): void {
    for (const agent of Object.values(this.#agents)) agent.destroy()
  }

  #once({ url, body, headers, stallMs }: WebhookRequest, signal: AbortSignal): Promise<number> {
    const target = new URL(url)
    const secure = target.protocol === 'https:'
    const agent = this.#agents[secure ? 'https:' : 'http:']
    const bytes = Buffer.from(body)
    return new Promise((resolve, reject) => {
      const options = { method: 'POST', agent, signal, headers: { ...headers, 'Content-Length': bytes.length } }
      const sent: ClientRequest = secure ? httpsRequest(target, options) : httpRequest(target, options)
      sent.once('response', (response: IncomingMessage) => {
        response.once('error', () => {})
        response.resume()
        resolve(response.statusCode ?? 0)
      })
      // Stays after the first one: an abort may follow the answer.
      sent.on('error', (error: NodeJS.ErrnoException) => {
        reject(
          sent.reusedSocket && error.code === 'ECONNRESET'
            ? new StaleConnectionError('The connection was reset.')
            : error,
        )
      })
      writeBody(sent, bytes, stallMs)
    })
  }
}

class StaleConnectionError extends Error {}

function writeBody(sent: ClientRequest, bytes: Buffer, stallMs: number): void {
  if (stallMs === 0) {
    sent.end(bytes)
    return
  }
  const half = Math.ceil(bytes.length / 2)
  sent.write(bytes.subarray(0, half))
  const timer = setTimeout(() => sent.end(bytes.subarray(half)), stallMs)
  sent.once('close', () => clearTimeout(timer))
}
