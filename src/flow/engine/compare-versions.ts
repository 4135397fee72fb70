import { isOverlapping } from '../../store/observation.ts'
import type { Observation, AuditFinding, AuditFindingKind, ObservedRecord, StoredVersion } from '../../store/store.ts'
import { contentHashOf } from './observe-records.ts'

export interface ReadTogether {
  readonly records: readonly ObservedRecord[]
  /** Ids of objects that the source no longer has. */
  readonly gone: readonly string[]
  readonly observation: Observation
}

export interface Comparison {
  /** Each object once. */
  readonly findings: readonly AuditFinding[]
  /** Ids of objects that were stored before and are still the same. */
  readonly confirmed: readonly string[]
}

/** Compares what was read at the source with the newest versions of the same objects in the dataset. */
export function compareVersions(
  { records, gone, observation }: ReadTogether,
  stored: ReadonlyMap<string, StoredVersion>,
): Comparison {
  const findings = new Map<string, AuditFinding>()
  const confirmed: string[] = []
  for (const { objectId, contentHash } of records) {
    if (objectId === null) continue
    const version = stored.get(objectId)
    const kind = differenceOf(contentHash, version, observation)
    if (kind !== null) findings.set(objectId, { kind, objectId })
    else if (version && isSurelyOlder(version, observation)) confirmed.push(objectId)
  }
  for (const objectId of gone) {
    const version = stored.get(objectId)
    if (version && !version.deleted && isSurelyOlder(version, observation))
      findings.set(objectId, { kind: 'extra', objectId })
  }
  return { findings: [...findings.values()], confirmed }
}

/** The stored hash is not trusted: a body may be damaged. */
function differenceOf(
  contentHash: string | null,
  version: StoredVersion | undefined,
  observation: Observation,
): AuditFindingKind | null {
  if (version === undefined) return 'missing'
  // What may be newer than what was read can only be compared with itself.
  const isNewer = !isSurelyOlder(version, observation)
  if (version.deleted) return isNewer ? null : 'missing'
  if (version.body === null) return 'missing'
  const expected = isNewer ? version.contentHash : contentHash
  return contentHashOf(version.body) === expected ? null : 'stale'
}

function isSurelyOlder({ observedAt }: StoredVersion, observation: Observation): boolean {
  return observedAt < observation.observedAt && !isOverlapping(observation, observedAt)
}
