import { sql } from 'kysely'
import type { Migration } from '../sql/migrate.ts'

export const runEngine: Migration = {
  number: 2,
  name: 'creation and revisits of objects, replaced versions, audit findings',
  async up(db, { schema }) {
    await db.schema.alterTable('flow_progress').addColumn('newest_created', 'bigint').execute()

    await db.schema.alterTable('objects').addColumn('created_at', 'bigint').execute()
    await db.schema.alterTable('objects').addColumn('revisit_at', 'bigint').execute()
    await db.schema
      .createIndex('objects_to_revisit')
      .on('objects')
      .columns(['record_set_no', 'revisit_at', 'created_at'])
      .where(sql.ref('revisit_at'), 'is not', null)
      .execute()

    await db.schema.alterTable('deliveries').addColumn('replaced_run_no', 'bigint').execute()
    await db.schema.alterTable('deliveries').addColumn('replaced_sequence', 'bigint').execute()
    await db.schema.alterTable('record_set_runs').addColumn('first_observed_at', 'bigint').execute()

    await db.schema
      .createTable('audit_findings')
      .addColumn('audit_no', 'bigint', (column) => column.notNull())
      .addColumn('number', 'bigint', (column) => column.notNull())
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('object_id', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('audit_findings_key', ['audit_no', 'number'])
      .addUniqueConstraint('audit_findings_by_object', ['audit_no', 'object_id'])
      .$call(schema.clustered)
      .execute()
  },
}
