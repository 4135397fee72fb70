import { sql } from 'kysely'
import type { Migration } from '../sql/migrate.ts'

export const subscriptionSetups: Migration = {
  number: 6,
  name: 'subscription set-ups',
  async up(db, { schema }) {
    await db.schema
      .createTable('subscription_setups')
      .addColumn('no', 'integer', schema.identity)
      .addColumn('id', 'text', (column) => column.notNull())
      .addColumn('org_id', 'text', (column) => column.notNull())
      .addColumn('sandbox_name', 'text', (column) => column.notNull())
      .addColumn('connection_id', 'text', (column) => column.notNull())
      .addColumn('client_key', 'text')
      .addColumn('state', 'text', (column) => column.notNull())
      .addColumn('request', 'text', (column) => column.notNull())
      .addColumn('progress', 'text', (column) => column.notNull())
      .addColumn('due_at', 'bigint')
      .addColumn('created_at', 'bigint', (column) => column.notNull())
      .addColumn('updated_at', 'bigint', (column) => column.notNull())
      .addUniqueConstraint('subscription_setups_by_id', ['org_id', 'sandbox_name', 'connection_id', 'id'])
      // Null keys differ from each other.
      .addUniqueConstraint('subscription_setups_by_key', ['org_id', 'sandbox_name', 'connection_id', 'client_key'])
      .execute()
    await db.schema
      .createIndex('subscription_setups_by_connection')
      .on('subscription_setups')
      .columns(['org_id', 'sandbox_name', 'connection_id', 'no'])
      .execute()
    await db.schema
      .createIndex('subscription_setups_due')
      .on('subscription_setups')
      .columns(['due_at', 'no'])
      .where(sql.ref('due_at'), 'is not', null)
      .execute()
    await db.schema
      .createTable('subscription_setup_objects')
      .addColumn('connection_id', 'text', (column) => column.notNull())
      .addColumn('object_id', 'text', (column) => column.notNull())
      .addColumn('setup_no', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('subscription_setup_objects_key', ['connection_id', 'object_id', 'setup_no'])
      .$call(schema.clustered)
      .execute()
  },
}
