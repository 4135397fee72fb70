import { sql } from 'kysely'
import type { Migration } from '../sql/migrate.ts'

export const initialSchema: Migration = {
  number: 1,
  name: 'initial schema',
  async up(db, { schema }) {
    await db.schema
      .createTable('entities')
      .addColumn('no', 'integer', schema.identity)
      .addColumn('kind', 'text', (column) => column.notNull())
      .addColumn('id', 'text', (column) => column.notNull())
      .addColumn('org_id', 'text', (column) => column.notNull())
      .addColumn('sandbox_name', 'text', (column) => column.notNull())
      .addColumn('state', 'text')
      .addColumn('parent_id', 'text')
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('updated_at', 'bigint', (column) => column.notNull())
      .addColumn('etag', 'text', (column) => column.notNull())
      .addColumn('document', 'text', (column) => column.notNull())
      .addColumn('secrets', 'text', (column) => column.notNull())
      .addUniqueConstraint('entities_by_id', ['org_id', 'sandbox_name', 'kind', 'id'])
      .execute()
    await db.schema
      .createIndex('entities_by_change')
      .on('entities')
      .columns(['org_id', 'sandbox_name', 'kind', 'updated_at', 'no'])
      .execute()
    // Filters on a state ignore case.
    await db.schema
      .createIndex('entities_by_state')
      .on('entities')
      .expression(sql`org_id, sandbox_name, kind, lower(state), updated_at, no`)
      .execute()
    await db.schema
      .createIndex('entities_by_parent')
      .on('entities')
      .columns(['org_id', 'sandbox_name', 'kind', 'parent_id', 'updated_at', 'no'])
      .execute()

    await db.schema
      .createTable('entity_references')
      .addColumn('from_no', 'bigint', (column) => column.notNull().references('entities.no').onDelete('cascade'))
      .addColumn('to_id', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('entity_references_key', ['from_no', 'to_id'])
      .$call(schema.clustered)
      .execute()
    await db.schema
      .createIndex('entity_references_by_target')
      .on('entity_references')
      .columns(['to_id', 'from_no'])
      .execute()

    await db.schema
      .createTable('flow_progress')
      .addColumn('flow_no', 'bigint', (column) => column.notNull().primaryKey())
      .addColumn('next_due_at', 'bigint')
      .addColumn('position', 'bigint')
      .addColumn('change_position', 'text')
      .execute()
    await db.schema.createIndex('flow_progress_due').on('flow_progress').column('next_due_at').execute()

    await db.schema
      .createTable('run_states')
      .addColumn('run_no', 'bigint', (column) => column.notNull().primaryKey())
      .addColumn('flow_no', 'bigint', (column) => column.notNull())
      .addColumn('status', 'text', (column) => column.notNull())
      .addColumn('not_before', 'bigint', (column) => column.notNull())
      .addColumn('last_sequence', 'bigint', (column) => column.notNull())
      .addColumn('checkpoint', 'text')
      .execute()
    await db.schema
      .createIndex('run_states_runnable')
      .on('run_states')
      .columns(['status', 'flow_no', 'run_no'])
      .execute()

    await db.schema
      .createTable('record_sets')
      .addColumn('no', 'integer', schema.identity)
      .addColumn('data_set_no', 'bigint', (column) => column.notNull())
      .addColumn('connection_spec_id', 'text', (column) => column.notNull())
      .addColumn('resource_path', 'text', (column) => column.notNull())
      .addUniqueConstraint('record_sets_by_target', ['data_set_no', 'connection_spec_id', 'resource_path'])
      .execute()

    await db.schema
      .createTable('record_set_runs')
      .addColumn('record_set_no', 'bigint', (column) => column.notNull())
      .addColumn('run_no', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('record_set_runs_key', ['record_set_no', 'run_no'])
      .$call(schema.clustered)
      .execute()

    await db.schema
      .createTable('objects')
      .addColumn('data_set_no', 'bigint', (column) => column.notNull())
      .addColumn('object_id', 'text', (column) => column.notNull())
      .addColumn('record_set_no', 'bigint', (column) => column.notNull())
      .addColumn('run_no', 'bigint', (column) => column.notNull())
      .addColumn('sequence', 'bigint', (column) => column.notNull())
      .addColumn('content_hash', 'text')
      .addColumn('observed_at', 'bigint', (column) => column.notNull())
      .addColumn('deleted', 'integer', (column) => column.notNull())
      .addPrimaryKeyConstraint('objects_key', ['data_set_no', 'object_id', 'record_set_no'])
      .$call(schema.clustered)
      .execute()

    await db.schema
      .createTable('deliveries')
      .addColumn('run_no', 'bigint', (column) => column.notNull())
      .addColumn('sequence', 'bigint', (column) => column.notNull())
      .addColumn('record_set_no', 'bigint', (column) => column.notNull())
      .addColumn('object_id', 'text')
      .addColumn('operation', 'text', (column) => column.notNull())
      .addColumn('observed_at', 'bigint', (column) => column.notNull())
      .addColumn('body', 'text')
      .addColumn('mapped', 'text')
      .addPrimaryKeyConstraint('deliveries_key', ['run_no', 'sequence'])
      .execute()

    await db.schema
      .createTable('refused_records')
      .addColumn('run_no', 'bigint', (column) => column.notNull())
      .addColumn('number', 'bigint', (column) => column.notNull())
      .addColumn('object_id', 'text')
      .addColumn('body', 'text', (column) => column.notNull())
      .addColumn('reasons', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('refused_records_key', ['run_no', 'number'])
      .execute()

    await db.schema
      .createTable('page_ends')
      .addColumn('run_no', 'bigint', (column) => column.notNull())
      .addColumn('after_sequence', 'bigint', (column) => column.notNull())
      .addColumn('page_limit', 'bigint', (column) => column.notNull())
      .addColumn('end_sequence', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('page_ends_key', ['run_no', 'after_sequence', 'page_limit'])
      .$call(schema.clustered)
      .execute()

    await db.schema
      .createTable('api_clients')
      .addColumn('client_id', 'text', (column) => column.notNull().primaryKey())
      .addColumn('secret_hash', 'text', (column) => column.notNull())
      .addColumn('org_id', 'text', (column) => column.notNull())
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .execute()

    await db.schema
      .createTable('sandboxes')
      .addColumn('org_id', 'text', (column) => column.notNull())
      .addColumn('name', 'text', (column) => column.notNull())
      .addColumn('sandbox_id', 'text', (column) => column.notNull())
      .addPrimaryKeyConstraint('sandboxes_key', ['org_id', 'name'])
      .execute()

    await db.schema
      .createTable('settings')
      .addColumn('name', 'text', (column) => column.notNull().primaryKey())
      .addColumn('value', 'text', (column) => column.notNull())
      .execute()
  },
}
