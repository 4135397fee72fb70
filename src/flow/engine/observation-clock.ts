import type { Clock } from '../../clock.ts'
import type { Observation, SettingStore } from '../../store/store.ts'

const SETTING = 'observedUntil'

/** A request to the source that is under way. */
export interface ObservingRequest {
  /** To be called once, when its answer is there. */
  answered(): Observation
  /** To be called when no answer will come of it; after `answered` it does nothing. */
  abandon(): void
}

/**
 * Dates observations of a source: milliseconds of the host's clock, but each later than the one before, also when the
 * clock is set back or the host starts again. So of two requests that were not under way together the later one saw the
 * newer state.
 */
export class ObservationClock {
  readonly #clock: Pick<Clock, 'now'>
  /** When the requests that have no answer yet were sent. */
  readonly #underWay = new Set<number>()
  #last = 0

  constructor(clock: Pick<Clock, 'now'>) {
    this.#clock = clock
  }

  /** This moment, later than every one before. */
  observe(): number {
    this.#last = Math.max(this.#clock.now(), this.#last + 1)
    return this.#last
  }

  /** A request is sent now. */
  send(): ObservingRequest {
    const observedAt = this.observe()
    const underWay: ReadonlySet<number> = new Set(this.#underWay)
    this.#underWay.add(observedAt)
    const abandon = () => {
      this.#underWay.delete(observedAt)
    }
    return {
      answered: () => {
        abandon()
        return { observedAt, overlap: { answeredAt: this.observe(), underWay } }
      },
      abandon,
    }
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
