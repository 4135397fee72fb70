import type { CompiledQuery } from 'kysely'

/**
 * SQL texts of queries whose shape depends only on a number of rows. Compiling an insert of a hundred rows for every page
 * would cost more than running it. The texts used longest ago are forgotten first.
 */
export class QueryTexts {
  readonly #texts = new Map<string, string>()
  readonly #capacity: number

  constructor(capacity = 1000) {
    this.#capacity = capacity
  }

  get(name: string, rows: number, compile: (rows: number) => CompiledQuery): string {
    const key = `${name} ${rows}`
    const text = this.#texts.get(key) ?? compile(rows).sql
    this.#texts.delete(key)
    this.#texts.set(key, text)
    if (this.#texts.size > this.#capacity) {
      for (const oldest of this.#texts.keys()) {
        this.#texts.delete(oldest)
        break
      }
    }
    return text
  }
}
