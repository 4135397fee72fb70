import type { Migration } from '../sql/migrate.ts'

export const leftOutPasses: Migration = {
  number: 7,
  name: 'list passes that flows had to leave out',
  async up(db) {
    await db.schema.alterTable('flow_progress').addColumn('left_out_passes', 'text').execute()
  },
}
