import { sql } from 'kysely'
import type { Migration } from '../sql/migrate.ts'

export const searchIndex: Migration = {
  number: 3,
  name: 'search index',
  async up(db, { schema }) {
    // A run that begins to deliver is to be indexed from its first delivery on, without anybody saying so.
    await db.schema
      .alterTable('record_set_runs')
      .addColumn('indexed_sequence', 'bigint', (column) => column.defaultTo(0))
      .execute()
    await db.schema
      .createIndex('record_set_runs_to_index')
      .on('record_set_runs')
      .columns(['record_set_no', 'indexed_sequence', 'run_no'])
      .where(sql.ref('indexed_sequence'), 'is not', null)
      .execute()

    await db.schema
      .createTable('search_segments')
      .addColumn('no', 'integer', schema.identity)
      .addColumn('record_set_no', 'bigint', (column) => column.notNull())
      .addColumn('run_no', 'bigint', (column) => column.notNull())
      .addColumn('first_sequence', 'bigint', (column) => column.notNull())
      .addColumn('last_sequence', 'bigint')
      .execute()
    await db.schema
      .createIndex('search_segments_by_run')
      .on('search_segments')
      .columns(['record_set_no', 'run_no', 'first_sequence'])
      .execute()

    await db.schema
      .createTable('search_terms')
      .addColumn('segment_no', 'bigint', (column) => column.notNull())
      .addColumn('term', 'bigint', (column) => column.notNull())
      .addColumn('object_id', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('search_terms_key', ['segment_no', 'term', 'object_id'])
      .$call(schema.clustered)
      .execute()
  },
}
