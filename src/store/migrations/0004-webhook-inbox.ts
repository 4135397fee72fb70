import { sql } from 'kysely'
import type { Migration } from '../sql/migrate.ts'

export const webhookInbox: Migration = {
  number: 4,
  name: 'inbox of signed notifications',
  async up(db, { schema }) {
    await db.schema
      .createTable('webhook_events')
      .addColumn('no', 'integer', schema.identity)
      .addColumn('connection_no', 'bigint', (column) => column.notNull().references('entities.no').onDelete('cascade'))
      .addColumn('key', 'text', (column) => column.notNull())
      .addColumn('type', 'text', (column) => column.notNull())
      .addColumn('subject_id', 'text')
      .addColumn('occurred_at', 'bigint', (column) => column.notNull())
      .addColumn('received_at', 'bigint', (column) => column.notNull())
      .addColumn('origin', 'text', (column) => column.notNull())
      .addColumn('body', 'text', (column) => column.notNull())
      .addColumn('answer', 'text')
      .addUniqueConstraint('webhook_events_by_key', ['connection_no', 'key'])
      .execute()
    await createIndexes(db)
    await db.schema
      .createTable('webhook_positions')
      .addColumn('flow_no', 'bigint', (column) =>
        column.notNull().primaryKey().references('entities.no').onDelete('cascade'),
      )
      .addColumn('position', 'bigint', (column) => column.notNull())
      .execute()
    // A notification names its connection by the id alone.
    await db.schema
      .createIndex('connections_by_id')
      .on('entities')
      .column('id')
      .where(sql.ref('kind'), '=', sql.lit('connections'))
      .execute()
  },
}

async function createIndexes(db: Parameters<Migration['up']>[0]): Promise<void> {
  const indexes = {
    // With the type, so that the list filters without reading the entries.
    webhook_events_in_order: ['connection_no', 'no', 'type'],
    webhook_events_by_type: ['connection_no', 'type', 'no'],
    webhook_events_by_occurrence: ['connection_no', 'occurred_at'],
    webhook_events_by_arrival: ['received_at'],
  }
  for (const [name, columns] of Object.entries(indexes)) {
    await db.schema.createIndex(name).on('webhook_events').columns(columns).execute()
  }
}
