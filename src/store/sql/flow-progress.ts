import type { Selectable } from 'kysely'
import type { FlowProgress, FlowProgressStore } from '../store.ts'
import type { Database, FlowProgressTable } from './tables.ts'

export function createFlowProgressStore(db: Database): FlowProgressStore {
  return {
    async save(progress) {
      const columns = {
        next_due_at: progress.nextDueAt,
        position: progress.position,
        change_position: progress.changePosition,
        newest_created: progress.newestCreated,
        left_out_passes: progress.leftOut === null ? null : JSON.stringify(progress.leftOut),
      }
      await db
        .insertInto('flow_progress')
        .values({ flow_no: progress.flowNo, ...columns })
        .onConflict((conflict) => conflict.column('flow_no').doUpdateSet(columns))
        .execute()
    },

    async get(flowNo) {
      const row = await db.selectFrom('flow_progress').selectAll().where('flow_no', '=', flowNo).executeTakeFirst()
      return row ? fromRow(row) : null
    },

    async delete(flowNo) {
      await db.deleteFrom('flow_progress').where('flow_no', '=', flowNo).execute()
    },

    async due(now, limit) {
      const rows = await db
        .selectFrom('flow_progress')
        .selectAll()
        .where('next_due_at', '<=', now)
        .where(({ not, exists, selectFrom }) =>
          not(
            exists(
              selectFrom('run_states')
                .select('run_no')
                .whereRef('run_states.flow_no', '=', 'flow_progress.flow_no')
                .where('status', 'in', ['scheduled', 'inProgress']),
            ),
          ),
        )
        .orderBy('next_due_at')
        .orderBy('flow_no')
        .limit(limit)
        .execute()
      return rows.map(fromRow)
    },
  }
}

function fromRow(row: Selectable<FlowProgressTable>): FlowProgress {
  return {
    flowNo: row.flow_no,
    nextDueAt: row.next_due_at,
    position: row.position,
    changePosition: row.change_position,
    newestCreated: row.newest_created,
    leftOut: row.left_out_passes === null ? null : (JSON.parse(row.left_out_passes) as readonly string[]),
  }
}
