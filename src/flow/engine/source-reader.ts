import type { JsonObject } from '../../json.ts'
import { mapSideBySide } from '../../map-side-by-side.ts'
import { orAborted } from '../../or-aborted.ts'
import {
  FatalSourceError,
  RetriableSourceError,
  type ChangePage,
  type CreatedWindow,
  type Cursor,
  type NamedObjects,
  type ObjectReading,
  type Page,
  type Source,
} from '../../plugins/plugin.ts'
import { PAGE_SIZE } from './live-range.ts'
import type { Observation } from '../../store/store.ts'
import type { ObservationClock, ObservingRequest } from './observation-clock.ts'
import { Stopped, type Patience } from './patience.ts'
import { DeadlineError, withDeadline } from './with-deadline.ts'

/** However little patience is left, an answer gets this much time. */
const SHORTEST_READ_MS = 5_000

/** What was read, and when. */
export interface Observed<T> {
  readonly value: T
  readonly observation: Observation
}

export interface SourceReaderOptions {
  readonly source: Source
  readonly resourcePath: string
  readonly observations: ObservationClock
  readonly patience: Patience
  /** Leaves what is being read. */
  readonly stop: AbortSignal
}

/**
 * Reads a source as often as it takes: until it answers, refuses for good (`FatalSourceError`), has given no answer for
 * too long (`GaveUpError`) or the run is stopped (`Stopped`).
 */
export class SourceReader {
  readonly #options: SourceReaderOptions
  /** Aborted with the error when the source refuses the credential: nothing that waits can succeed any more. */
  readonly #refused = new AbortController()
  readonly #stop: AbortSignal

  constructor(options: SourceReaderOptions) {
    this.#options = options
    this.#stop = AbortSignal.any([options.stop, this.#refused.signal])
  }

  /** How many requests at once the source can make use of now, at least 1. */
  get parallelism(): number {
    // With none at all, or what is no number, everything would seem to be read.
    return Math.max(1, this.#options.source.parallelism?.() || 1)
  }

  async readPage(pass: string, window: CreatedWindow, cursor: Cursor | null): Promise<Observed<Page>> {
    const { source, resourcePath } = this.#options
    const page = await this.#ask((signal, onSent) =>
      source.readPage({ resourcePath, pass, window, cursor, limit: PAGE_SIZE, onSent, signal }),
    )
    return advancing(page, cursor, resourcePath)
  }

  async readChanges(window: CreatedWindow, cursor: Cursor | null): Promise<ChangePage> {
    const { source, resourcePath } = this.#options
    if (!source.readChanges) throw new Error(`The source of ${resourcePath} has no change feed.`)
    const { value } = await this.#ask((signal) =>
      source.readChanges!({ resourcePath, window, cursor, limit: PAGE_SIZE, signal }),
    )
    return value
  }

  /** What a notification names, of which `body` is what its plugin has kept. */
  async readNotification(body: JsonObject): Promise<NamedObjects> {
    const { source, resourcePath } = this.#options
    if (!source.readNotification) throw new Error(`The source of ${resourcePath} reads no notifications.`)
    const { value } = await this.#ask((signal) => source.readNotification!({ resourcePath, body, signal }))
    return value
  }

  async readObject(id: string): Promise<Observed<ObjectReading>> {
    const { source, resourcePath } = this.#options
    if (!source.readObject) throw new Error(`The source of ${resourcePath} reads no single objects.`)
    return this.#ask((signal, onSent) => source.readObject!({ resourcePath, id, onSent, signal }))
  }

  /** Reads the objects side by side, as many at once as the source can make use of; in the order of `ids`. */
  readObjects(ids: readonly string[]): Promise<readonly Observed<ObjectReading>[]> {
    return mapSideBySide(ids, this.parallelism, (id) => this.readObject(id))
  }

  async #ask<T>(request: (signal: AbortSignal, onSent: () => void) => Promise<T>): Promise<Observed<T>> {
    const { observations, patience, stop } = this.#options
    for (let tries = 1; ; tries++) {
      const asked = observations.send()
      let sent: ObservingRequest | undefined
      const onSent = () => {
        if (sent !== undefined) return
        asked.abandon()
        sent = observations.send()
      }
      try {
        const deadlineMs = Math.max(SHORTEST_READ_MS, patience.leftMs)
        const value = await withDeadline(deadlineMs, this.#stop, (signal) => request(signal, onSent))
        return { value, observation: this.#dated(sent ?? asked) }
      } catch (error) {
        if (stop.aborted) throw new Stopped()
        this.#refused.signal.throwIfAborted()
        if (error instanceof FatalSourceError && error.reason === 'credential') this.#refused.abort(error)
        if (!(error instanceof RetriableSourceError || error instanceof DeadlineError)) throw error
        const retryAfterMs = error instanceof RetriableSourceError ? error.retryAfterMs : undefined
        await orAborted(patience.pause(tries, error, retryAfterMs), this.#refused.signal)
      } finally {
        asked.abandon()
        sent?.abandon()
      }
    }
  }

  /** What cannot be read again by itself is as old as its request. */
  #dated(request: ObservingRequest): Observation {
    const observation = request.answered()
    return this.#options.source.readObject ? observation : { observedAt: observation.observedAt }
  }
}

function advancing(page: Observed<Page>, cursor: Cursor | null, resourcePath: string): Observed<Page> {
  const { nextCursor } = page.value
  if (nextCursor === null || nextCursor !== cursor) return page
  throw new FatalSourceError('request', `The cursor of ${resourcePath} did not advance: ${cursor}`)
}
