import { FlowServiceError } from '../../errors.ts'
import { SearchQueryError } from '../../search/search-query.ts'

/** Characters of the query that are shown before and after a fault. */
const SHOWN = 20

/** The answer to a query that cannot be asked: what is wrong with it and where; any other error stays as it is. */
export function asQueryFault(query: string, error: unknown): unknown {
  if (!(error instanceof SearchQueryError)) return error
  const { message, position } = error
  return new FlowServiceError(
    '1452-400',
    `The parameter query is refused at position ${position}: ${message}. (${excerpt(query, position)})`,
    { cause: error },
  )
}

/** The surroundings of a fault, with a mark before it. */
function excerpt(query: string, position: number): string {
  const start = Math.max(0, position - SHOWN)
  const end = position + SHOWN
  const before = `${start > 0 ? '…' : ''}${query.slice(start, position)}`
  const after = `${query.slice(position, end)}${end < query.length ? '…' : ''}`
  return `${before}▸${after}`.toWellFormed()
}
