import type { Selectable } from 'kysely'
import { CompiledQuery } from 'kysely'
import type { RunState, RunStateStore } from '../store.ts'
import type { QueryTexts } from './query-texts.ts'
import type { SendStatement } from './send-statement.ts'
import type { Database, RunStateTable } from './tables.ts'

export function createRunStateStore(db: Database, texts: QueryTexts, send: SendStatement): RunStateStore {
  return {
    async insert(state) {
      await db.insertInto('run_states').values(toRow(state)).execute()
    },

    async get(runNo) {
      const text = texts.get('run state', 1, () =>
        db.selectFrom('run_states').selectAll().where('run_no', '=', 0).compile(),
      )
      const { rows } = await send<Selectable<RunStateTable>>(db, CompiledQuery.raw(text, [runNo]))
      return rows[0] === undefined ? null : fromRow(rows[0])
    },

    async save(state) {
      const { run_no, ...columns } = toRow(state)
      const text = texts.get('save run state', 1, () =>
        db.updateTable('run_states').set(columns).where('run_no', '=', run_no).compile(),
      )
      await send(db, CompiledQuery.raw(text, [...Object.values(columns), run_no]))
    },

    async runnable(now, busyFlows, limit) {
      const started = db.selectFrom('run_states').where('status', '=', 'inProgress')
      const oldestStarted = started.select((eb) => eb.fn.min('run_no').as('run_no')).groupBy('flow_no')
      const oldestReady = db
        .selectFrom('run_states')
        .where('status', '=', 'scheduled')
        .where('not_before', '<=', now)
        .where('flow_no', 'not in', started.select('flow_no'))
        .select((eb) => eb.fn.min('run_no').as('run_no'))
        .groupBy('flow_no')
      const rows = await db
        .selectFrom('run_states')
        .selectAll()
        .where('run_no', 'in', oldestStarted.unionAll(oldestReady))
        .$if(busyFlows.length > 0, (query) => query.where('flow_no', 'not in', busyFlows))
        .orderBy('not_before')
        .orderBy('run_no')
        .limit(limit)
        .execute()
      return rows.map(fromRow)
    },

    async openRuns(flowNo) {
      const rows = await db
        .selectFrom('run_states')
        .selectAll()
        .where('flow_no', '=', flowNo)
        .where('status', 'in', ['scheduled', 'inProgress'])
        .orderBy('run_no')
        .execute()
      return rows.map(fromRow)
    },
  }
}

function toRow(state: RunState): Selectable<RunStateTable> {
  return {
    run_no: state.runNo,
    flow_no: state.flowNo,
    status: state.status,
    not_before: state.notBefore,
    last_sequence: state.lastSequence,
    checkpoint: state.checkpoint,
  }
}

function fromRow(row: Selectable<RunStateTable>): RunState {
  return {
    runNo: row.run_no,
    flowNo: row.flow_no,
    status: row.status,
    notBefore: row.not_before,
    lastSequence: row.last_sequence,
    checkpoint: row.checkpoint,
  }
}
