import type { AuditFinding, AuditFindingKind, ObservedRecord, StoredVersion } from '../../store/store.ts'
import { contentHashOf } from './observe-records.ts'

export interface ReadTogether {
  readonly records: readonly ObservedRecord[]
  /** Ids of objects that the source no longer has. */
  readonly gone: readonly string[]
  /** See `ObservationClock`. */
  readonly observedAt: number
}

export interface Comparison {
  /** Each object once. */
  readonly findings: readonly AuditFinding[]
  /** Ids of objects that were stored before and are still the same. */
  readonly confirmed: readonly string[]
}

/** Compares what was read at the source with the newest versions of the same objects in the dataset. */
export function compareVersions(
  { records, gone, observedAt }: ReadTogether,
  stored: ReadonlyMap<string, StoredVersion>,
): Comparison {
  const findings = new Map<string, AuditFinding>()
  const confirmed: string[] = []
  for (const { objectId, contentHash } of records) {
    if (objectId === null) continue
    const version = stored.get(objectId)
    const kind = differenceOf(contentHash, version, observedAt)
    if (kind !== null) findings.set(objectId, { kind, objectId })
    else if (version && version.observedAt < observedAt) confirmed.push(objectId)
  }
  for (const objectId of gone) {
    const version = stored.get(objectId)
    if (version && !version.deleted && version.observedAt < observedAt)
      findings.set(objectId, { kind: 'extra', objectId })
  }
  return { findings: [...findings.values()], confirmed }
}

/** The stored hash is not trusted: a body may be damaged. */
function differenceOf(
  contentHash: string | null,
  version: StoredVersion | undefined,
  observedAt: number,
): AuditFindingKind | null {
  if (version === undefined) return 'missing'
  // Something newer than what was read can only be compared with itself.
  const isNewer = version.observedAt > observedAt
  if (version.deleted) return isNewer ? null : 'missing'
  if (version.body === null) return 'missing'
  const expected = isNewer ? version.contentHash : contentHash
  return contentHashOf(version.body) === expected ? null : 'stale'
}
