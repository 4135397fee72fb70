/** When a version was observed at the source. */
export interface Observation {
  /**
   * When the request that read it was sent, ms; no two requests share one. An older observation never overwrites a newer
   * one. Equal times mean one and the same request, so what differs is taken all the same, except that a deletion at that
   * time stays.
   */
  readonly observedAt: number
  /** Absent: no other request was under way meanwhile. */
  readonly overlap?: ObservationOverlap
}

/**
 * The requests that were under way together with one. Of two such requests nobody knows which saw the source later,
 * whichever was sent first.
 */
export interface ObservationOverlap {
  /** When its answer was there, ms: every request sent before that and after it was under way with it. */
  readonly answeredAt: number
  /** `observedAt` of those sent before it that had no answer yet. */
  readonly underWay: ReadonlySet<number>
}

/** True when the request that was sent at `sentAt` (ms) was under way together with that of the observation. */
export function isOverlapping({ observedAt, overlap }: Observation, sentAt: number): boolean {
  if (overlap === undefined || sentAt === observedAt) return false
  return sentAt < observedAt ? overlap.underWay.has(sentAt) : sentAt <= overlap.answeredAt
}
