import type { Migration } from '../sql/migrate.ts'

export const deliveryCauses: Migration = {
  number: 5,
  name: 'events that deliveries were read because of',
  async up(db, { schema }) {
    await db.schema
      .createTable('delivery_causes')
      .addColumn('run_no', 'bigint', (column) => column.notNull())
      .addColumn('sequence', 'bigint', (column) => column.notNull())
      .addColumn('event_id', 'text', (column) => column.notNull())
      .addColumn('event_type', 'text', (column) => column.notNull())
      .addColumn('event_created_at', 'bigint', (column) => column.notNull())
      .addPrimaryKeyConstraint('delivery_causes_key', ['run_no', 'sequence'])
      .$call(schema.clustered)
      .execute()
  },
}
