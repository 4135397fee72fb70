import { FlowServiceError } from '../errors.ts'
import { MAX_PATH_SEGMENTS } from '../store/query.ts'
import type { OrderField } from '../store/query.ts'

/** `desc:created`, several separated by commas; without a direction ascending. */
export function parseOrder(text: string | undefined): readonly OrderField[] {
  return (text?.split(',') ?? []).map((part) => {
    const [first = '', second] = part.split(':', 2).map((piece) => piece.trim())
    const [direction, field] = second === undefined ? ['asc', first] : [first.toLowerCase(), second]
    if (direction !== 'asc' && direction !== 'desc') {
      throw new FlowServiceError('1432-400', `orderBy begins with "${first.slice(0, 40)}"; use asc: or desc:.`)
    }
    const path = field.split('.')
    if (path.length > MAX_PATH_SEGMENTS || !path.every((name) => /^[\w-]+$/.test(name))) {
      throw new FlowServiceError('1433-400', `orderBy names no property in "${part.slice(0, 40)}"; use desc:created.`)
    }
    return { direction, path }
  })
}

export function parseStart(text: string | undefined): number {
  if (text === undefined) return 0
  if (/^\d{1,15}$/.test(text)) return Number(text)
  throw new FlowServiceError('1452-400', `The parameter start is "${text.slice(0, 40)}"; give a whole number from 0.`)
}
