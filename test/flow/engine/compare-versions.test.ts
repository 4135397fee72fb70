import { describe, expect, test } from '@jest/globals'
import { compareVersions } from '../../../src/flow/engine/compare-versions.ts'
import { contentHashOf } from '../../../src/flow/engine/observe-records.ts'
import type { ObservedRecord, StoredVersion } from '../../../src/store/store.ts'

const READ_AT = { observedAt: 200, overlap: { answeredAt: 210, underWay: new Set([190]) } }

const read = (body: string): ObservedRecord => ({
  objectId: 'a',
  operation: 'upsert',
  body,
  contentHash: contentHashOf(body),
})

const stored = (body: string | null, changes: Partial<StoredVersion> = {}): StoredVersion => ({
  objectId: 'a',
  runNo: 1,
  contentHash: body === null ? null : contentHashOf(body),
  observedAt: 100,
  deleted: false,
  body,
  ...changes,
})

function compare(record: ObservedRecord | null, version: StoredVersion | null) {
  const together = { records: record ? [record] : [], gone: record ? [] : ['a'], observation: READ_AT }
  return compareVersions(together, new Map(version === null ? [] : [['a', version]]))
}

const found = (kind: string) => ({ findings: [{ kind, objectId: 'a' }], confirmed: [] })
const NOTHING = { findings: [], confirmed: [] }

describe('an object at the source', () => {
  test.each([
    ['that is not stored is missing', null, found('missing')],
    ['of which a tombstone is stored is missing', stored(null, { deleted: true }), found('missing')],
    ['whose stored body is gone is missing', stored(null), found('missing')],
    ['that is stored otherwise is stale', stored('old'), found('stale')],
    [
      'whose stored body is damaged under the right hash is stale',
      stored('x', { contentHash: contentHashOf('new') }),
      found('stale'),
    ],
    [
      'that is stored alike is confirmed, whatever the stored hash',
      stored('new', { contentHash: 'damaged' }),
      { findings: [], confirmed: ['a'] },
    ],
    ['that was deleted after it was read is fine', stored(null, { deleted: true, observedAt: 211 }), NOTHING],
    ['that was stored anew after it was read is fine', stored('newer', { observedAt: 211 }), NOTHING],
    ['of which a request under way before it saw another state is fine', stored('other', { observedAt: 190 }), NOTHING],
    ['of which a request sent meanwhile saw another state is fine', stored('other', { observedAt: 205 }), NOTHING],
    [
      'of which a request answered before it saw another state is stale',
      stored('x', { observedAt: 189 }),
      found('stale'),
    ],
    [
      'that was seen again after it was read, with a damaged body, is stale',
      stored('x', { contentHash: 'y', observedAt: 211 }),
      found('stale'),
    ],
  ] as const)('%s', (_, version, expected) => {
    expect(compare(read('new'), version)).toEqual(expected)
  })

  test('that stands on a page twice is found once', () => {
    const records = [read('new'), read('new')]
    expect(compareVersions({ records, gone: [], observation: READ_AT }, new Map()).findings).toHaveLength(1)
  })
})

describe('an object that is gone from the source', () => {
  test.each([
    ['and stored is extra', stored('old'), found('extra')],
    ['and not stored is fine', null, NOTHING],
    ['and deleted in the dataset is fine', stored(null, { deleted: true }), NOTHING],
    ['and was stored anew since is fine', stored('new', { observedAt: 211 }), NOTHING],
  ] as const)('%s', (_, version, expected) => {
    expect(compare(null, version)).toEqual(expected)
  })
})
