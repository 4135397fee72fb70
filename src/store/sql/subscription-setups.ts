import type { Selectable } from 'kysely'
import type { TenantKey } from '../store.ts'
import type { StoredSubscriptionSetup, SubscriptionSetupStore } from '../subscription-setups.ts'
import { atomically } from './atomically.ts'
import type { Database, SubscriptionSetupTable } from './tables.ts'

export function createSubscriptionSetupStore(db: Database): SubscriptionSetupStore {
  const ofConnection = ({ orgId, sandboxName }: TenantKey, connectionId: string) =>
    db
      .selectFrom('subscription_setups')
      .selectAll()
      .where('org_id', '=', orgId)
      .where('sandbox_name', '=', sandboxName)
      .where('connection_id', '=', connectionId)

  return {
    async insert(setup) {
      const { no } = await db
        .insertInto('subscription_setups')
        .values({
          id: setup.id,
          org_id: setup.orgId,
          sandbox_name: setup.sandboxName,
          connection_id: setup.connectionId,
          client_key: setup.clientKey,
          state: setup.state,
          request: setup.request,
          progress: setup.progress,
          due_at: setup.dueAt,
          created_at: setup.createdAt,
          updated_at: setup.updatedAt,
        })
        .returning('no')
        .executeTakeFirstOrThrow()
      return no
    },

    async get(tenant, connectionId, id) {
      return firstOf(await ofConnection(tenant, connectionId).where('id', '=', id).execute())
    },

    async getByClientKey(tenant, connectionId, clientKey) {
      return firstOf(await ofConnection(tenant, connectionId).where('client_key', '=', clientKey).execute())
    },

    async list(tenant, connectionId, { beforeNo, limit }) {
      const rows = await ofConnection(tenant, connectionId)
        .$if(beforeNo !== null, (query) => query.where('no', '<', beforeNo!))
        .orderBy('no', 'desc')
        .limit(limit)
        .execute()
      return rows.map(fromRow)
    },

    async getByNo(no) {
      return firstOf(await db.selectFrom('subscription_setups').selectAll().where('no', '=', no).execute())
    },

    async due(now, busy, limit) {
      const rows = await db
        .selectFrom('subscription_setups')
        .selectAll()
        .where('due_at', '<=', now)
        .$if(busy.length > 0, (query) => query.where('no', 'not in', busy))
        .orderBy('due_at')
        .orderBy('no')
        .limit(limit)
        .execute()
      return rows.map(fromRow)
    },

    save(no, { state, progress, dueAt, updatedAt, objectIds }) {
      return atomically(db, async (db) => {
        const { connection_id } = await db
          .updateTable('subscription_setups')
          .set({ state, progress, due_at: dueAt, updated_at: updatedAt })
          .where('no', '=', no)
          .returning('connection_id')
          .executeTakeFirstOrThrow()
        if (objectIds.length === 0) return
        await db
          .insertInto('subscription_setup_objects')
          .values(objectIds.map((object_id) => ({ connection_id, object_id, setup_no: no })))
          .onConflict((conflict) => conflict.doNothing())
          .execute()
      })
    },

    async hasten(no, at) {
      await db
        .updateTable('subscription_setups')
        .set({ due_at: at })
        .where('no', '=', no)
        .where('due_at', '>', at)
        .execute()
    },

    async byObject(connectionId, objectId) {
      const rows = await db
        .selectFrom('subscription_setup_objects')
        .select('setup_no')
        .where('connection_id', '=', connectionId)
        .where('object_id', '=', objectId)
        .execute()
      return rows.map(({ setup_no }) => setup_no)
    },
  }
}

function firstOf([row]: readonly Selectable<SubscriptionSetupTable>[]): StoredSubscriptionSetup | null {
  return row === undefined ? null : fromRow(row)
}

function fromRow(row: Selectable<SubscriptionSetupTable>): StoredSubscriptionSetup {
  return {
    no: row.no,
    id: row.id,
    orgId: row.org_id,
    sandboxName: row.sandbox_name,
    connectionId: row.connection_id,
    clientKey: row.client_key,
    state: row.state,
    request: row.request,
    progress: row.progress,
    dueAt: row.due_at,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}
