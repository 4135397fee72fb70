import { badParameter, StripeError } from './errors.ts'

interface Stored {
  readonly request: string
  /** Absent while the first request is still being answered. */
  answer: { readonly status: number; readonly body: string } | undefined
}

const CAPACITY = 10_000

/** Results of writes by `Idempotency-Key`. The first result that ran, a 500 included, is what every repetition gets. */
export class IdempotencyStore {
  readonly #stored = new Map<string, Stored>()

  /** The stored answer, or undefined when the request is to be run; throws on misuse of the key. */
  begin(key: string, request: string): { status: number; body: string } | undefined {
    if (key.length > 255) {
      throw badParameter(
        'parameter_invalid_string_too_long',
        'Idempotency-Key',
        'The idempotency key is longer than 255 characters.',
      )
    }
    const present = this.#stored.get(key)
    if (!present) {
      this.#stored.set(key, { request, answer: undefined })
      const [oldest] = this.#stored.keys()
      if (this.#stored.size > CAPACITY && oldest !== undefined) this.#stored.delete(oldest)
      return undefined
    }
    if (present.request !== request) {
      throw new StripeError(
        400,
        'Keys for idempotent requests can only be used with the same parameters they were first used with.',
        { type: 'idempotency_error' },
      )
    }
    if (!present.answer) {
      throw new StripeError(409, 'There is currently another in-progress request using this idempotent key.', {
        code: 'idempotency_key_in_use',
        type: 'idempotency_error',
      })
    }
    return present.answer
  }

  /** Keeps the result of a request that ran. */
  finish(key: string, status: number, body: string): void {
    const present = this.#stored.get(key)
    if (present) present.answer = { status, body }
  }

  /** Forgets a request that did not run: validation failures, 401, 429 and conflicts are not stored. */
  abandon(key: string): void {
    if (this.#stored.get(key)?.answer === undefined) this.#stored.delete(key)
  }

  reset(): void {
    this.#stored.clear()
  }
}
