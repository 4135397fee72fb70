import type { Caller } from '../caller.ts'
import { notFound } from '../errors.ts'
import type { JsonValue } from '../json.ts'
import type { RecordVersion, VersionPosition } from '../store/store.ts'
import { changedFields } from './changed-fields.ts'
import type { FlowContext } from './context.ts'
import type { RecordsPage } from './record-pages.ts'

export interface HistoryRequest {
  readonly dataSetId: string
  readonly objectId: string
  /** Only versions of this resource; null for all that have an object of this id. */
  readonly resourcePath: string | null
  /** Where the page begins, as a page before has told; null for the newest version. */
  readonly from: readonly VersionPosition[] | null
  /** At most so many versions. */
  readonly limit: number
  /** Adds `record`, the version itself, to each item that has one. */
  readonly includeRecord: boolean
}

export interface RecordHistory {
  /**
   * The versions of an object that a dataset has got, newest first, each with what it changed and the event because of
   * which it was read. Throws 1101-404 for a dataset or an object that is not there.
   */
  ofObject(caller: Caller, request: HistoryRequest): Promise<RecordsPage<readonly VersionPosition[]>>
}

/** A version with the one that it replaced. */
interface Step {
  readonly version: RecordVersion
  readonly before: RecordVersion | undefined
}

export function createRecordHistory({ store }: Pick<FlowContext, 'store'>): RecordHistory {
  return {
    async ofObject(caller, { dataSetId, objectId, resourcePath, from, limit, includeRecord }) {
      const dataSet = await store.entities.get(caller.tenant, 'dataSets', dataSetId)
      if (dataSet === null) throw notFound('dataSets', dataSetId)
      const starts = from ?? (await store.records.newestVersions(dataSet.no, objectId, resourcePath))
      if (starts.length === 0) throw notFound('records', objectId)
      // One more than is shown: it tells what the last one has changed, and whether there is a next page.
      const chains = await Promise.all(starts.map((start) => store.records.versionsFrom(start, limit + 1)))
      const { taken, rest } = newestOf(chains.map(stepsOf), limit)
      return {
        items: taken.map((step) => toItem(step, includeRecord)),
        next: rest.length > 0 ? rest.map(({ version }) => version.position) : null,
      }
    },
  }
}

function stepsOf(versions: readonly RecordVersion[]): Step[] {
  return versions.map((version, index) => ({ version, before: versions[index + 1] }))
}

/** Merges chains, newest first, and tells where each of them goes on. */
function newestOf(
  chains: readonly (readonly Step[])[],
  limit: number,
): { readonly taken: readonly Step[]; readonly rest: readonly Step[] } {
  const taken: Step[] = []
  const places = chains.map(() => 0)
  const heads = () => chains.flatMap((chain, index) => (chain[places[index]!] === undefined ? [] : [index]))
  for (let open = heads(); open.length > 0 && taken.length < limit; open = heads()) {
    const newest = open.reduce((best, index) =>
      observedAt(chains, places, index) > observedAt(chains, places, best) ? index : best,
    )
    taken.push(chains[newest]![places[newest]!]!)
    places[newest]! += 1
  }
  return { taken, rest: heads().map((index) => chains[index]![places[index]!]!) }
}

function observedAt(chains: readonly (readonly Step[])[], places: readonly number[], index: number): number {
  return chains[index]![places[index]!]!.version.observedAt
}

function toItem({ version, before }: Step, includeRecord: boolean): string {
  const { runId, position, operation, resourcePath, observedAt, body, cause } = version
  const head = JSON.stringify({
    runId,
    sequence: position.sequence,
    op: operation,
    resourcePath,
    observedAt,
    event: cause && { id: cause.eventId, type: cause.type, createdAt: cause.createdAt },
    changed: changesOf(body, before?.body ?? null),
  })
  return includeRecord && body !== null ? `${head.slice(0, -1)},"record":${body}}` : head
}

/** Null where there is nothing to compare: the first version, a deletion, and what follows one. */
function changesOf(body: string | null, before: string | null) {
  if (body === null || before === null) return null
  return changedFields(JSON.parse(before) as JsonValue, JSON.parse(body) as JsonValue)
}
