import type { Clock } from '../../clock.ts'
import type { SettingStore } from '../../store/store.ts'

const SETTING = 'observedUntil'

/**
 * Dates observations of a source: milliseconds of the host's clock, but each later than the one before, also when the
 * clock is set back or the host starts again. So of two versions the later observation is always the newer.
 */
export class ObservationClock {
  readonly #clock: Pick<Clock, 'now'>
  #last = 0

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** The moment at which a request is sent. */
  observe(): number {
    this.#last = Math.max(this.#clock.now(), this.#last + 1)
    return this.#last
  }

  /** Goes on after the last observation that was stored. */
  async load(settings: SettingStore): Promise<void> {
    this.#last = Math.max(this.#last, Number((await settings.get(SETTING)) ?? 0))
  }

  /** In the transaction that stores what was observed. */
  async save(settings: SettingStore): Promise<void> {
    await settings.set(SETTING, String(this.#last))
  }
}
