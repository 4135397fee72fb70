import { hash } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import axios from 'axios'

/** Resends of one notification at most. */
const MOST_RESENDS = 12
const MINUTE_MS = 60_000
/** Waits before the resends; the last one counts for all that follow. */
const USUAL_SPACING_MS = [5, 5, ...Array<number>(7).fill(15), 60].map((minutes) => minutes * MINUTE_MS)
const ANSWER_TIMEOUT_MS = 30_000
/** Deliveries that are remembered. */
const REMEMBERED = 1_000

export interface WebhookTarget {
  readonly url: string
  /** The project's secret key. */
  readonly secret: string
  /** Waits before the first, second, … resend, ms; the last one counts for all that follow. */
  readonly spacingMs?: readonly number[]
}

export interface SendOptions {
  /** Signs with another key. @defaultValue false */
  readonly badSignature?: boolean
  /** Changes the body after it was signed. @defaultValue false */
  readonly tampered?: boolean
}

/** A notification on its way. */
export interface WebhookDelivery {
  readonly no: number
  /** What went over the wire. */
  readonly body: string
  /** Status of every answer; 0 when none came. */
  readonly statuses: number[]
  /** Body of the last answer. */
  answer: string
  /** `accepted` by a 2xx, `refused` by a 4xx, `given-up` after the last resend. */
  state: 'pending' | 'accepted' | 'refused' | 'given-up'
}

/** Sends signed notifications as Xsolla does: again on 5xx or no answer, never on 4xx. */
export class WebhookSender {
  target: WebhookTarget | null = null
  #deliveries: WebhookDelivery[] = []
  #nextNo = 1
  readonly #stop = new AbortController()

  /** Those of the last while, oldest first. */
  get deliveries(): readonly WebhookDelivery[] {
    return this.#deliveries
  }

  /** Sends a body, and resolves when it was accepted, refused or given up. Throws when there is no target. */
  async send(body: object | string, options: SendOptions = {}): Promise<WebhookDelivery> {
    const { target } = this
    if (target === null) throw new Error('Give the webhooks a target first.')
    const text = typeof body === 'string' ? body : JSON.stringify(body)
    const delivery: WebhookDelivery = { no: this.#nextNo++, body: text, statuses: [], answer: '', state: 'pending' }
    this.#deliveries = [...this.#deliveries.slice(1 - REMEMBERED), delivery]
    const signature = hash('sha1', text + (options.badSignature ? 'another key' : target.secret), 'hex')
    await this.#deliver(delivery, target, signature, options.tampered ? text.replace(/}$/, ' }') : text)
    return delivery
  }

  /** Gives up what is on its way. */
  close(): void {
    this.#stop.abort()
  }

  async #deliver(delivery: WebhookDelivery, target: WebhookTarget, signature: string, body: string): Promise<void> {
    const spacing = target.spacingMs ?? USUAL_SPACING_MS
    for (let resends = 0; !this.#stop.signal.aborted; resends++) {
      const status = await this.#post(delivery, target.url, signature, body)
      delivery.statuses.push(status)
      if (status >= 200 && status < 500) {
        delivery.state = status < 300 ? 'accepted' : 'refused'
        return
      }
      if (resends === MOST_RESENDS) break
      await delay(spacing[Math.min(resends, spacing.length - 1)] ?? 0, undefined, {
        signal: this.#stop.signal,
        ref: false,
      }).catch(() => {})
    }
    delivery.state = 'given-up'
  }

  async #post(delivery: WebhookDelivery, url: string, signature: string, body: string): Promise<number> {
    try {
      const { status, data } = await axios.request<string>({
        method: 'POST',
        url,
        data: Buffer.from(body),
        headers: { 'Content-Type': 'application/json', Authorization: `Signature ${signature}` },
        responseType: 'text',
        transformResponse: [(text: unknown) => text],
        validateStatus: () => true,
        maxRedirects: 0,
        proxy: false,
        signal: AbortSignal.any([this.#stop.signal, AbortSignal.timeout(ANSWER_TIMEOUT_MS)]),
      })
      delivery.answer = String(data ?? '')
      return status
    } catch {
      delivery.answer = ''
      return 0
    }
  }
}
