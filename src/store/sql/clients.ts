import type { ClientStore } from '../store.ts'
import type { Database } from './tables.ts'

export function createClientStore(db: Database): ClientStore {
  const getSandbox: ClientStore['getSandbox'] = async (orgId, name) => {
    const row = await db
      .selectFrom('sandboxes')
      .selectAll()
      .where('org_id', '=', orgId)
      .where('name', '=', name)
      .executeTakeFirst()
    return row ? { orgId: row.org_id, sandboxName: row.name, sandboxId: row.sandbox_id } : null
  }

  return {
    async getClient(clientId) {
      const row = await db.selectFrom('api_clients').selectAll().where('client_id', '=', clientId).executeTakeFirst()
      if (!row) return null
      return { clientId: row.client_id, secretHash: row.secret_hash, orgId: row.org_id, createdAt: row.created_at }
    },

    async countClients() {
      const { count } = await db
        .selectFrom('api_clients')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .executeTakeFirstOrThrow()
      return Number(count)
    },

    async insertClient({ clientId, secretHash, orgId, createdAt }) {
      await db
        .insertInto('api_clients')
        .values({ client_id: clientId, secret_hash: secretHash, org_id: orgId, created_at: createdAt })
        .execute()
    },

    getSandbox,

    async ensureSandbox(tenant) {
      await db
        .insertInto('sandboxes')
        .values({ org_id: tenant.orgId, name: tenant.sandboxName, sandbox_id: tenant.sandboxId })
        .onConflict((conflict) => conflict.columns(['org_id', 'name']).doNothing())
        .execute()
      return (await getSandbox(tenant.orgId, tenant.sandboxName)) ?? tenant
    },
  }
}
