import type { AuditFinding, AuditStore } from '../store.ts'
import { atomically } from './atomically.ts'
import { chunksOf } from './chunks.ts'
import type { Database } from './tables.ts'

export function createAuditStore(db: Database): AuditStore {
  return {
    addFindings(auditNo, findings) {
      return atomically(db, async (db) => {
        let number = await lastNumber(db, auditNo)
        for (const chunk of chunksOf(findings)) {
          const ids = chunk.map(({ objectId }) => objectId)
          const rows = withoutKnown(await selectFound(db, auditNo, ids), chunk).map(({ kind, objectId }) => ({
            audit_no: auditNo,
            number: (number += 1),
            kind,
            object_id: objectId,
          }))
          if (rows.length > 0) await db.insertInto('audit_findings').values(rows).execute()
        }
      })
    },

    async found(auditNo, objectIds) {
      const found = new Set<string>()
      for (const chunk of chunksOf(objectIds)) {
        for (const objectId of await selectFound(db, auditNo, chunk)) found.add(objectId)
      }
      return found
    },

    async findings(auditNo, afterNumber, limit) {
      const rows = await db
        .selectFrom('audit_findings')
        .selectAll()
        .where('audit_no', '=', auditNo)
        .where('number', '>', afterNumber)
        .orderBy('number')
        .limit(limit)
        .execute()
      return rows.map((row) => ({ number: row.number, kind: row.kind, objectId: row.object_id }))
    },

    async countFindings(auditNo) {
      const rows = await db
        .selectFrom('audit_findings')
        .select(['kind', (eb) => eb.fn.countAll<number>().as('count')])
        .where('audit_no', '=', auditNo)
        .groupBy('kind')
        .execute()
      const counts = { missing: 0, extra: 0, stale: 0 }
      for (const { kind, count } of rows) counts[kind] = Number(count)
      return counts
    },

    async deleteFindings(auditNo) {
      await db.deleteFrom('audit_findings').where('audit_no', '=', auditNo).execute()
    },
  }
}

async function lastNumber(db: Database, auditNo: number): Promise<number> {
  const last = await db
    .selectFrom('audit_findings')
    .select('number')
    .where('audit_no', '=', auditNo)
    .orderBy('number', 'desc')
    .limit(1)
    .executeTakeFirst()
  return last?.number ?? 0
}

/** Those of the findings whose object is new to the audit, each object once. */
function withoutKnown(found: readonly string[], findings: readonly AuditFinding[]): readonly AuditFinding[] {
  const known = new Set(found)
  return findings.filter(({ objectId }) => !known.has(objectId) && known.add(objectId))
}

async function selectFound(db: Database, auditNo: number, objectIds: readonly string[]): Promise<string[]> {
  const rows = await db
    .selectFrom('audit_findings')
    .select('object_id')
    .where('audit_no', '=', auditNo)
    .where('object_id', 'in', objectIds)
    .execute()
  return rows.map((row) => row.object_id)
}
