import type { Clock } from '../../clock.ts'
import { FlowServiceError } from '../../errors.ts'
import type { AppendedWebhookEvent, NewWebhookEvent, Store } from '../../store/store.ts'

/** Notifications stored in one transaction. */
const MOST_AT_ONCE = 200
/** Their text together, in characters: so that the store does not work on one transaction for long. */
const MOST_CHARACTERS_AT_ONCE = 4_000_000

/** More that wait are refused: the sender keeps what it was not acknowledged. */
const MOST_WAITING = 4_000
const MOST_WAITING_CHARACTERS = 64_000_000

/** A sender is not kept waiting longer; what is stored later all the same is recognised when it comes again. */
const LONGEST_WAIT_MS = 5_000

const RETRY_AFTER_SECONDS = 5

interface Waiting {
  readonly event: NewWebhookEvent
  readonly resolve: (appended: AppendedWebhookEvent) => void
  readonly reject: (error: unknown) => void
}

/**
 * Stores notifications durably before they are acknowledged. What comes while a transaction is going on shares the next
 * one: waiting for the disk costs the same for one as for many.
 */
export class InboxWriter {
  readonly #store: Store
  readonly #clock: Clock
  readonly #waiting: Waiting[] = []
  #waitingCharacters = 0
  #isWorking = false

  constructor({ store, clock }: { readonly store: Store; readonly clock: Clock }) {
    this.#store = store
    this.#clock = clock
  }

  /**
   * Resolves when the notification is stored, or was before. Throws 1103-503 when too many wait or the store takes too
   * long, and what the store throws: then it is not acknowledged, and its sender has to send it again.
   */
  async accept(event: NewWebhookEvent): Promise<AppendedWebhookEvent> {
    if (this.#waiting.length >= MOST_WAITING || this.#waitingCharacters >= MOST_WAITING_CHARACTERS) throw busy()
    const stored = new Promise<AppendedWebhookEvent>((resolve, reject) => {
      this.#waiting.push({ event, resolve, reject })
      this.#waitingCharacters += event.body.length
    })
    void this.#work()
    const done = new AbortController()
    const late = this.#clock.sleep(LONGEST_WAIT_MS, done.signal).then(() => {
      throw busy()
    })
    try {
      return await Promise.race([stored, late])
    } finally {
      late.catch(() => {})
      stored.catch(() => {})
      done.abort()
    }
  }

  async #work(): Promise<void> {
    if (this.#isWorking) return
    this.#isWorking = true
    while (this.#waiting.length > 0) {
      const group = this.#takeGroup()
      try {
        const appended = await this.#store.transaction((scope) =>
          scope.webhooks.append(group.map(({ event }) => event)),
        )
        for (const [index, { resolve }] of group.entries()) resolve(appended[index]!)
      } catch (error) {
        for (const { reject } of group) reject(error)
      }
    }
    this.#isWorking = false
  }

  #takeGroup(): readonly Waiting[] {
    let characters = 0
    let size = 0
    while (size < Math.min(MOST_AT_ONCE, this.#waiting.length) && characters < MOST_CHARACTERS_AT_ONCE) {
      characters += this.#waiting[size]!.event.body.length
      size += 1
    }
    this.#waitingCharacters -= characters
    return this.#waiting.splice(0, size)
  }
}

function busy(): FlowServiceError {
  return new FlowServiceError('1103-503', 'Too much is coming in at the moment; send it again shortly.', {
    retryAfterSeconds: RETRY_AFTER_SECONDS,
  })
}
