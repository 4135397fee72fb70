import type { Agent } from 'node:http'
import type { Readable } from 'node:stream'
import { setImmediate } from 'node:timers/promises'
import Stripe from 'stripe'

/**
 * The SDK's HTTP client but for the bodies. The SDK puts a body together as text and parses it the moment it is complete;
 * here its bytes are kept until it is its turn, so that of the many pages that arrive at once only one is unfolded at a
 * time, and everything else in the process goes on between two of them.
 */
export function createHttpClient(agent: Agent): Stripe.HttpClient {
  const httpClient = Stripe.createNodeHttpClient(agent)
  return {
    getClientName: () => httpClient.getClientName(),
    async makeRequest(...request) {
      return new QueuedResponse(await httpClient.makeRequest(...request))
    },
  }
}

/** A response of this client. */
export class QueuedResponse extends Stripe.HttpClientResponse {
  readonly #stream: Readable
  #chunks: Promise<readonly Buffer[]> | undefined

  constructor(response: Stripe.HttpClientResponse) {
    super(response.getStatusCode(), response.getHeaders())
    this.#stream = response.getRawResponse() as Readable
  }

  /** Settles when its last byte is there, or none comes any more; its turn to be parsed comes later. */
  async arrival(): Promise<void> {
    await this.#arriving()
  }

  override getRawResponse(): unknown {
    return this.#stream
  }

  override async toJSON(): Promise<unknown> {
    const chunks = await this.#arriving()
    await nextTurn()
    return this._parseResponseBody(decode(chunks))
  }

  #arriving(): Promise<readonly Buffer[]> {
    return (this.#chunks ??= this.#read())
  }

  /** Rejects in a form that the SDK takes for a failed connection. */
  async #read(): Promise<readonly Buffer[]> {
    const chunks: Buffer[] = []
    try {
      for await (const chunk of this.#stream) chunks.push(chunk)
    } catch (error) {
      throw Stripe.HttpClient.makeResponseBodyError(error)
    }
    return chunks
  }
}

/** Bodies are put together here: memory that is taken anew for each of them would be swept away all the time. */
const scratch = Buffer.allocUnsafeSlow(1024 * 1024)

function decode(chunks: readonly Buffer[]): string {
  let used = 0
  for (const chunk of chunks) {
    if (used + chunk.length > scratch.length) return Buffer.concat(chunks).toString()
    used += chunk.copy(scratch, used)
  }
  return scratch.toString('utf8', 0, used)
}

let lastTurn: Promise<unknown> = Promise.resolve()

/** Resolves once in each round of the event loop, in the order of asking. */
function nextTurn(): Promise<unknown> {
  lastTurn = lastTurn.then(() => setImmediate())
  return lastTurn
}
