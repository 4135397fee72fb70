import type { FlowContext } from '../context.ts'
import { IndexLoop, type IndexLoopOptions } from './index-loop.ts'
import { createRecordSearch, type RecordSearch } from './record-search.ts'
import { SearchIndexer } from './search-indexer.ts'

/** The search over what has landed, and the index behind it. */
export interface Search {
  readonly records: RecordSearch
  /** Begins to keep the index up with the runs. Searches are complete without it, but have to wait for the index. */
  start(): void
  /** Ends after what is in hand. */
  stop(): Promise<void>
}

export function createSearch(
  { store, clock, logger, plugins }: FlowContext,
  { isBusy }: Pick<IndexLoopOptions, 'isBusy'>,
): Search {
  // Asked anew each time: plugins come and go with custom specs.
  const specIds = () => [...plugins.values()].flatMap((plugin) => (plugin.isSearchable ? plugin.connectionSpec.id : []))
  const indexer = new SearchIndexer({ store, specIds })
  const loop = new IndexLoop({ indexer, clock, logger, isBusy })
  return {
    records: createRecordSearch({ store, logger, indexer, specIds }),
    start: () => loop.start(),
    stop: () => loop.stop(),
  }
}
