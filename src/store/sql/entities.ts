import type { Selectable } from 'kysely'
import { sql } from 'kysely'
import type { EntityDocument, EntityStore, StoredEntity } from '../store.ts'
import { atomically } from './atomically.ts'
import type { StoreDialect } from './dialect.ts'
import { copyColumns } from './entity-columns.ts'
import { compileComparison } from './filter.ts'
import { compileAfter, compileOrder, positionOf } from './order.ts'
import type { SendStatement } from './send-statement.ts'
import type { Database, EntityTable } from './tables.ts'

const COLUMNS = ['no', 'kind', 'id', 'org_id', 'sandbox_name', 'etag', 'document', 'secrets'] as const

export function createEntityStore(db: Database, dialect: StoreDialect, send: SendStatement): EntityStore {
  return {
    insert({ kind, tenant, etag, document, secrets = {}, references = [] }) {
      return atomically(db, async (db) => {
        const { no } = await db
          .insertInto('entities')
          .values({
            kind,
            id: document.id,
            org_id: tenant.orgId,
            sandbox_name: tenant.sandboxName,
            etag,
            document: JSON.stringify(document),
            secrets: JSON.stringify(secrets),
            ...copyColumns(kind, document),
          })
          .returning('no')
          .executeTakeFirstOrThrow()
        await insertReferences(db, no, references)
        return no
      })
    },

    async get(tenant, kind, id) {
      const row = await db
        .selectFrom('entities')
        .select(COLUMNS)
        .where('org_id', '=', tenant.orgId)
        .where('sandbox_name', '=', tenant.sandboxName)
        .where('kind', '=', kind)
        .where('id', '=', id)
        .executeTakeFirst()
      return row ? fromRow(row) : null
    },

    async getByNo(no) {
      const row = await db.selectFrom('entities').select(COLUMNS).where('no', '=', no).executeTakeFirst()
      return row ? fromRow(row) : null
    },

    async list(tenant, kind, { filter, order, limit, after }) {
      const rows = await db
        .selectFrom('entities')
        .select(COLUMNS)
        .where('org_id', '=', tenant.orgId)
        .where('sandbox_name', '=', tenant.sandboxName)
        .where('kind', '=', kind)
        .where((eb) => eb.and(filter.map((comparison) => compileComparison(dialect, kind, comparison))))
        .$if(after !== null, (query) => query.where(compileAfter(dialect, kind, order, after!)))
        .orderBy(sql`${compileOrder(dialect, kind, order)}`)
        .limit(limit)
        .execute()
      return rows.map(fromRow)
    },

    positionOf,

    async count(tenant, kind, filter) {
      const { count } = await db
        .selectFrom('entities')
        .select((eb) => eb.fn.countAll<number>().as('count'))
        .where('org_id', '=', tenant.orgId)
        .where('sandbox_name', '=', tenant.sandboxName)
        .where('kind', '=', kind)
        .where((eb) => eb.and(filter.map((comparison) => compileComparison(dialect, kind, comparison))))
        .executeTakeFirstOrThrow()
      return Number(count)
    },

    update({ no, etag: expectedEtag }, { etag, document, secrets, references }) {
      return atomically(db, async (db) => {
        const stored = await db
          .selectFrom('entities')
          .select('kind')
          .where('no', '=', no)
          .where('etag', '=', expectedEtag)
          .executeTakeFirst()
        if (!stored) return false
        const { numUpdatedRows } = await db
          .updateTable('entities')
          .set({
            etag,
            document: JSON.stringify(document),
            ...copyColumns(stored.kind, document),
            ...(secrets && { secrets: JSON.stringify(secrets) }),
          })
          .where('no', '=', no)
          .where('etag', '=', expectedEtag)
          .executeTakeFirst()
        if (numUpdatedRows === 0n) return false
        if (references) {
          await db.deleteFrom('entity_references').where('from_no', '=', no).execute()
          await insertReferences(db, no, references)
        }
        return true
      })
    },

    async updateDocument({ no, kind }, document) {
      const query = db
        .updateTable('entities')
        .set({ document: JSON.stringify(document), ...copyColumns(kind, document) })
        .where('no', '=', no)
        .compile()
      await send(db, query)
    },

    async delete(no) {
      await db.deleteFrom('entities').where('no', '=', no).execute()
    },

    async usedBy(tenant, kind, id, limit) {
      // Materialized, or the planner may walk through all entities of the kind instead.
      const rows = await db
        .with(
          (name) => name('users').materialized(),
          (db) => db.selectFrom('entity_references').select('from_no').where('to_id', '=', id),
        )
        .selectFrom('users')
        .innerJoin('entities', 'entities.no', 'users.from_no')
        .select('entities.id')
        .where('entities.org_id', '=', tenant.orgId)
        .where('entities.sandbox_name', '=', tenant.sandboxName)
        .where('entities.kind', '=', kind)
        .orderBy('entities.no')
        .limit(limit)
        .execute()
      return rows.map((row) => row.id)
    },
  }
}

async function insertReferences(db: Database, no: number, ids: readonly string[]): Promise<void> {
  if (ids.length === 0) return
  const rows = [...new Set(ids)].map((id) => ({ from_no: no, to_id: id }))
  await db.insertInto('entity_references').values(rows).execute()
}

function fromRow(row: Pick<Selectable<EntityTable>, (typeof COLUMNS)[number]>): StoredEntity {
  return {
    no: row.no,
    kind: row.kind,
    id: row.id,
    orgId: row.org_id,
    sandboxName: row.sandbox_name,
    etag: row.etag,
    document: JSON.parse(row.document) as EntityDocument,
    secrets: JSON.parse(row.secrets) as Record<string, string>,
  }
}
