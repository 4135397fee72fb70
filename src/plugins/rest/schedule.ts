import type { CreatedWindow } from '../plugin.ts'
import type { DateWriter } from './date-pattern.ts'

/** How a spec bounds what one run reads. */
export type ScheduleRule =
  | { readonly type: 'PARAMETERS'; readonly start: ScheduleParameter; readonly end: ScheduleParameter }
  | { readonly type: 'ADVANCE'; readonly write: DateWriter; readonly incremental: string; readonly backfill: string }

export interface ScheduleParameter {
  readonly name: string
  readonly write: DateWriter
}

/** The query parameters that bound a window; an open side has none. */
export function windowParameters(rule: ScheduleRule | null, window: CreatedWindow): readonly [string, string][] {
  if (rule?.type !== 'PARAMETERS') return []
  return [
    ...(window.from === null ? [] : [[rule.start.name, rule.start.write(window.from * 1000)] as [string, string]]),
    ...(window.to === null ? [] : [[rule.end.name, rule.end.write(window.to * 1000)] as [string, string]]),
  ]
}

/**
 * What stands for `{SCHEDULE_QUERY}`, null when the spec has none. A window without a beginning takes the `backfill`
 * expression; one without an end ends `now` (milliseconds).
 */
export function scheduleQuery(
  rule: ScheduleRule | null,
  { from, to }: CreatedWindow,
  now: number,
  encode: (text: string) => string = (text) => text,
): string | null {
  if (rule?.type !== 'ADVANCE') return null
  const end = encode(rule.write(to === null ? now : to * 1000))
  if (from === null) return rule.backfill.replaceAll('{END_TIME}', () => end)
  const start = encode(rule.write(from * 1000))
  return rule.incremental.replaceAll('{START_TIME}', () => start).replaceAll('{END_TIME}', () => end)
}
