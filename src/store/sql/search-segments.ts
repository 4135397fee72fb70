import { CompiledQuery, sql } from 'kysely'
import type { IndexedTerm, SearchIndexStore } from '../store.ts'
import { atomically } from './atomically.ts'
import { chunksOf } from './chunks.ts'
import type { QueryTexts } from './query-texts.ts'
import type { Database } from './tables.ts'

type SegmentStore = Pick<
  SearchIndexStore,
  'segmentsOf' | 'openSegment' | 'fillSegment' | 'dropOpenSegments' | 'segments' | 'objectsWith'
>

/** The run of a record set's collecting segment: no run has this number. */
const COLLECTING = 0

/** The parts of the search index. */
export function createSegmentStore(db: Database, texts: QueryTexts): SegmentStore {
  return {
    async segmentsOf(recordSetNo, versions) {
      if (versions.length === 0) return []
      const runNos = [...new Set(versions.map(({ runNo }) => runNo))]
      const known = await segmentsOfRuns(db, recordSetNo, runNos)
      return versions.map(({ runNo, sequence }) => {
        const segment = known
          .get(runNo)
          ?.find(({ first_sequence, last_sequence }) => first_sequence <= sequence && sequence <= last_sequence!)
        return segment?.no ?? null
      })
    },

    openSegment({ recordSetNo, runNo, indexedSequence }) {
      return atomically(db, async (db) => {
        const set = await db.selectFrom('record_sets').select('no').where('no', '=', recordSetNo).executeTakeFirst()
        if (set === undefined) return null
        const segment = { record_set_no: recordSetNo, run_no: runNo, first_sequence: indexedSequence + 1 }
        return insertSegment(db, { ...segment, last_sequence: null })
      })
    },

    fillSegment(segmentNo, terms) {
      return atomically(db, async (db) => {
        const segment = await db
          .selectFrom('search_segments')
          .select('no')
          .where('no', '=', segmentNo)
          .executeTakeFirst()
        if (segment !== undefined) await insertTerms(db, texts, segmentNo, terms)
        return segment !== undefined
      })
    },

    dropOpenSegments() {
      return atomically(db, async (db) => {
        const open = await db.selectFrom('search_segments').select('no').where('last_sequence', 'is', null).execute()
        for (const { no } of open) await deleteSegment(db, no)
      })
    },

    async segments(recordSetNos) {
      const rows = await db
        .selectFrom('search_segments')
        .select(['no', 'record_set_no'])
        .where('record_set_no', 'in', recordSetNos)
        .where('last_sequence', 'is not', null)
        .execute()
      return rows.map(({ no, record_set_no }) => ({ no, recordSetNo: record_set_no }))
    },

    async objectsWith(lists, fromId, limit) {
      const found: string[][] = lists.map(() => [])
      let start = 0
      for (const chunk of chunksOf(lists, LISTS_PER_STATEMENT)) {
        const text = texts.get('objects with terms', chunk.length, (count) => listsQuery(count).compile(db))
        const parameters = chunk.flatMap(({ segmentNo, term }, place) => [place, segmentNo, term, fromId, limit])
        const { rows } = await db.executeQuery<ListRow>(CompiledQuery.raw(text, parameters))
        for (const { place, object_id } of rows) found[start + place]!.push(object_id)
        start += chunk.length
      }
      return found
    },
  }
}

/** SQLite takes up to 500 selects in one statement. */
const LISTS_PER_STATEMENT = 200

interface ListRow {
  readonly place: number
  readonly object_id: string
}

/** One statement for many lists: of some hundred short ones, asking costs more than reading. */
function listsQuery(count: number) {
  const list = sql`select ${0} as place, object_id from (select object_id from search_terms
    where segment_no = ${0} and term = ${0} and object_id >= ${''} order by object_id limit ${0}) as list`
  const lists = sql.join(Array(count).fill(list), sql` union all `)
  return sql<ListRow>`select place, object_id from (${lists}) as lists order by place, object_id`
}

/** The number of a record set's collecting segment, which is created unless it exists. */
export async function ensureCollectingSegment(db: Database, recordSetNo: number): Promise<number> {
  const known = await db
    .selectFrom('search_segments')
    .select('no')
    .where('record_set_no', '=', recordSetNo)
    .where('run_no', '=', COLLECTING)
    .executeTakeFirst()
  if (known !== undefined) return known.no
  return insertSegment(db, { record_set_no: recordSetNo, run_no: COLLECTING, first_sequence: 0, last_sequence: 0 })
}

export async function insertTerms(
  db: Database,
  texts: QueryTexts,
  segmentNo: number,
  terms: readonly IndexedTerm[],
): Promise<void> {
  for (const chunk of chunksOf(terms)) {
    const text = texts.get('insert terms', chunk.length, (count) =>
      db
        .insertInto('search_terms')
        .values(Array(count).fill({ segment_no: 0, term: 0, object_id: '' }))
        .onConflict((conflict) => conflict.columns(['segment_no', 'term', 'object_id']).doNothing())
        .compile(),
    )
    await db.executeQuery(CompiledQuery.raw(text, parametersOf(segmentNo, chunk)))
  }
}

export async function deleteTerms(
  db: Database,
  texts: QueryTexts,
  segmentNo: number,
  terms: readonly IndexedTerm[],
): Promise<void> {
  for (const chunk of chunksOf(terms)) {
    const text = texts.get('delete terms', chunk.length, (count) => {
      const rows = sql.join(Array(count).fill(sql`(${0}, ${''})`))
      const isListed = sql<boolean>`(term, object_id) in (values ${rows})`
      return db.deleteFrom('search_terms').where('segment_no', '=', 0).where(isListed).compile()
    })
    const listed = chunk.flatMap(({ term, objectId }) => [term, objectId])
    await db.executeQuery(CompiledQuery.raw(text, [segmentNo, ...listed]))
  }
}

/** Removes a published segment of a run that nothing is left of; the collecting one stays. */
export async function deleteEmptySegment(db: Database, segmentNo: number): Promise<void> {
  await db
    .deleteFrom('search_segments')
    .where('no', '=', segmentNo)
    .where('run_no', '<>', COLLECTING)
    .where(({ not, exists, selectFrom }) =>
      not(exists(selectFrom('search_terms').select('term').where('segment_no', '=', segmentNo))),
    )
    .execute()
}

/** Forgets what is in the index of a record set. */
export async function deleteSearchIndex(db: Database, recordSetNo: number): Promise<void> {
  const segments = await db
    .selectFrom('search_segments')
    .select('no')
    .where('record_set_no', '=', recordSetNo)
    .execute()
  for (const { no } of segments) await deleteSegment(db, no)
}

async function deleteSegment(db: Database, segmentNo: number): Promise<void> {
  await db.deleteFrom('search_terms').where('segment_no', '=', segmentNo).execute()
  await db.deleteFrom('search_segments').where('no', '=', segmentNo).execute()
}

interface NewSegment {
  readonly record_set_no: number
  readonly run_no: number
  readonly first_sequence: number
  readonly last_sequence: number | null
}

async function insertSegment(db: Database, segment: NewSegment): Promise<number> {
  const { no } = await db.insertInto('search_segments').values(segment).returning('no').executeTakeFirstOrThrow()
  return no
}

interface SegmentRow {
  readonly no: number
  readonly first_sequence: number
  readonly last_sequence: number | null
}

async function segmentsOfRuns(
  db: Database,
  recordSetNo: number,
  runNos: readonly number[],
): Promise<ReadonlyMap<number, readonly SegmentRow[]>> {
  const found = new Map<number, SegmentRow[]>()
  for (const chunk of chunksOf(runNos)) {
    const rows = await db
      .selectFrom('search_segments')
      .select(['no', 'run_no', 'first_sequence', 'last_sequence'])
      .where('record_set_no', '=', recordSetNo)
      .where('run_no', 'in', chunk)
      .where('last_sequence', 'is not', null)
      .execute()
    for (const row of rows) found.set(row.run_no, [...(found.get(row.run_no) ?? []), row])
  }
  return found
}

function parametersOf(segmentNo: number, terms: readonly IndexedTerm[]): unknown[] {
  const parameters: unknown[] = []
  for (const { term, objectId } of terms) parameters.push(segmentNo, term, objectId)
  return parameters
}
