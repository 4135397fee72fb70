import type { Schedule } from '../schedule.ts'
import type { JsonObject } from '../../json.ts'
import type { RunWindow } from './checkpoint.ts'
import { parseUnixTime } from './unix-time.ts'

export interface WindowRequest {
  /** The run's `params`, valid. */
  readonly params: JsonObject
  readonly schedule: Schedule
  /** End of the flow's last good window, ms; null before the first. */
  readonly position: number | null
  readonly now: number
}

/** Where the flow begins: the beginning of time, or its start time when it does not take what was created before. */
export function flowBeginning(schedule: Schedule): number {
  return schedule.backfill ? 0 : schedule.startTime
}

/**
 * The window of a run: what its `params` name, else everything not taken yet, up to now. Nothing is ever taken from the
 * future: it may still change shape.
 */
export function windowOf({ params, schedule, position, now }: WindowRequest): RunWindow {
  const start = parseUnixTime(params.windowStartTime) ?? position ?? flowBeginning(schedule)
  const end = Math.min(parseUnixTime(params.windowEndTime) ?? now, now)
  return { start, end: Math.max(start, end) }
}

/** The flow's position after a good run: a window that leaves a gap before it does not move it. */
export function positionAfterRun(window: RunWindow, schedule: Schedule, position: number | null): number | null {
  const reached = position ?? flowBeginning(schedule)
  return window.start <= reached && window.end > reached ? window.end : position
}

/** True for a window without a gap before it: with it, the flow has everything up to the window's end. */
export function movesFlow(window: RunWindow, schedule: Schedule, position: number | null): boolean {
  const reached = position ?? flowBeginning(schedule)
  return window.start <= reached && window.end >= reached
}
