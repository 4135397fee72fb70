import type { SourceRecord, SourceResource } from '../../plugins/plugin.ts'
import type { Observation, RecordTarget, StoreScope } from '../../store/store.ts'
import type { SourceReader } from './source-reader.ts'

/** A page of a list. */
export interface ListRead {
  readonly records: readonly SourceRecord[]
  readonly observation: Observation
}

/** What becomes of a page of a list pass before it is stored or compared. */
export type RefineList = (pass: string, read: ListRead) => Promise<ListRead>

export interface SelectionScope {
  readonly resource: SourceResource
  readonly records: StoreScope['records']
  readonly target: RecordTarget
}

/** How far back an observation is dated that may come from an index, ms. */
export function lagMsOf({ selection }: SourceResource): number {
  return (selection?.lagSeconds ?? 0) * 1000
}

/** For a run: what an index shows is as old as that may be, and what is not selected must be in the dataset already. */
export function refineForRun({ resource, records, target }: SelectionScope): RefineList | undefined {
  if (resource.selection === undefined) return undefined
  return async (pass, { records: read, observation }) => ({
    records: await selectedOrKnown(records, target, read),
    observation: resource.passes.includes(pass)
      ? { observedAt: observation.observedAt - lagMsOf(resource) }
      : observation,
  })
}

/** For an audit: an index only names objects, and what is compared is read by id. */
export function refineForAudit(
  { resource, records, target }: SelectionScope,
  reader: Pick<SourceReader, 'readObjects'>,
): RefineList | undefined {
  if (resource.selection === undefined) return undefined
  return async (_pass, { records: read, observation }) => {
    const readings = await reader.readObjects(read.flatMap(({ id }) => id ?? []))
    const present = readings.flatMap(({ value }) => (value.state === 'present' ? [value.record] : []))
    // What is gone or not selected any more is missing nowhere; what the dataset holds of it is looked at after the lists.
    return { records: await selectedOrKnown(records, target, present), observation }
  }
}

/** Without the objects that are not selected, unless the dataset holds them. */
function selectedOrKnown(
  records: StoreScope['records'],
  target: RecordTarget,
  read: readonly SourceRecord[],
): Promise<readonly SourceRecord[]> {
  return withoutUnknown(records, target, read, ({ isSelected = true }) => !isSelected)
}

/** Without those `doubtful` records that the dataset has never held. */
export async function withoutUnknown(
  records: StoreScope['records'],
  target: RecordTarget,
  read: readonly SourceRecord[],
  doubtful: (record: SourceRecord) => boolean,
): Promise<readonly SourceRecord[]> {
  const ids = read.filter(doubtful).flatMap(({ id }) => id ?? [])
  if (ids.length === 0) return read
  const known = await records.observedSince(target, ids, 0)
  return read.filter((record) => !doubtful(record) || (record.id !== null && known.has(record.id)))
}
