import type { Expression, ExpressionBuilder, Selectable, SqlBool } from 'kysely'
import { sql } from 'kysely'
import type {
  AppendedWebhookEvent,
  NewWebhookEvent,
  PendingRequest,
  WebhookEntry,
  WebhookInboxStore,
  WebhookReader,
  WebhookState,
} from '../store.ts'
import { chunksOf } from './chunks.ts'
import type { Database, Tables, WebhookEventTable } from './tables.ts'

type Row = Selectable<WebhookEventTable>

const ENTRY_COLUMNS = [
  'no',
  'connection_no',
  'key',
  'type',
  'subject_id',
  'occurred_at',
  'received_at',
  'origin',
] as const satisfies readonly (keyof Row)[]

export function createWebhookInboxStore(db: Database): WebhookInboxStore {
  return {
    async findConnection(id) {
      const row = await db
        .selectFrom('entities')
        .select('no')
        // Spelled out, or the index over connections alone would not serve.
        .where('kind', '=', sql.lit('connections'))
        .where('id', '=', id)
        .executeTakeFirst()
      return row?.no ?? null
    },

    async append(events) {
      const appended: AppendedWebhookEvent[] = []
      for (const chunk of chunksOf(events)) appended.push(...(await appendChunk(db, chunk)))
      return appended
    },

    async pending(request) {
      const numbers = firstPending(db, request)
      if (numbers === undefined) return []
      const rows = await db
        .selectFrom('webhook_events')
        .select([...ENTRY_COLUMNS, 'body'])
        .where('no', 'in', numbers)
        .orderBy('no')
        .execute()
      return rows.map((row) => ({ ...toEntry(row), body: row.body }))
    },

    async hasPending(request) {
      const row = await firstPending(db, { ...request, limit: 1 })?.executeTakeFirst()
      return row !== undefined
    },

    async list({ connectionNo, beforeNumber, limit, types, state, readers }) {
      const numbers = db
        .selectFrom('webhook_events')
        .select('no')
        .where('connection_no', '=', connectionNo)
        .$if(beforeNumber !== null, (query) => query.where('no', '<', beforeNumber))
        .$if(state === 'pending', (query) =>
          query.where('no', '>', Math.min(...readers.map((each) => each.position), LARGEST)),
        )
        .$if(types !== undefined, (query) => query.where('type', 'in', types!))
        .$if(state !== undefined, (query) => query.where((eb) => isInState(eb, state!, readers)))
        .orderBy('no', 'desc')
        .limit(limit)
      const query = db.selectFrom('webhook_events').select(ENTRY_COLUMNS).where('no', 'in', numbers)
      return (await query.orderBy('no', 'desc').execute()).map(toEntry)
    },

    async choose(connectionNo, choice, limit) {
      const query = db
        .selectFrom('webhook_events')
        .select(['no as number', 'key'])
        .where('connection_no', '=', connectionNo)
        .orderBy('no')
        .limit(limit)
      if ('keys' in choice) return query.where('key', 'in', choice.keys).execute()
      return query.where('occurred_at', '>=', choice.from).where('occurred_at', '<', choice.to).execute()
    },

    async replay(numbers) {
      for (const chunk of chunksOf(numbers)) {
        const rows = await db.selectFrom('webhook_events').selectAll().where('no', 'in', chunk).orderBy('no').execute()
        if (rows.length === 0) continue
        await db.deleteFrom('webhook_events').where('no', 'in', chunk).execute()
        const again = rows.map(({ no: _, ...row }) => ({ ...row, origin: 'replay' as const }))
        await db.insertInto('webhook_events').values(again).execute()
      }
    },

    async connections() {
      // One step for each connection instead of a walk over all entries.
      const { rows } = await sql<{ no: number }>`
        with recursive found(no) as (
          select min(connection_no) from webhook_events
          union all
          select (select min(connection_no) from webhook_events where connection_no > found.no) from found where found.no is not null
        )
        select no from found where no is not null`.execute(db)
      return rows.map(({ no }) => no)
    },

    async connectionsWithSecret(pointer, afterNo, limit) {
      const rows = await db
        .selectFrom('entities')
        .select('no')
        .where('kind', '=', sql.lit('connections'))
        .where('no', '>', afterNo)
        .where(({ fn }) => fn<number>('instr', ['secrets', sql.val(`"${pointer}"`)]), '>', 0)
        .orderBy('no')
        .limit(limit)
        .execute()
      return rows.map(({ no }) => no)
    },

    async position(flowNo) {
      const row = await db
        .selectFrom('webhook_positions')
        .select('position')
        .where('flow_no', '=', flowNo)
        .executeTakeFirst()
      return row?.position ?? 0
    },

    async savePosition(flowNo, position) {
      await db
        .insertInto('webhook_positions')
        .values({ flow_no: flowNo, position })
        .onConflict((conflict) => conflict.column('flow_no').doUpdateSet({ position }))
        .execute()
    },

    async beginHere(flowNo) {
      const position = sql<number>`(select coalesce(max(no), 0) from webhook_events)`
      await db
        .insertInto('webhook_positions')
        .values({ flow_no: flowNo, position })
        .onConflict((conflict) => conflict.column('flow_no').doNothing())
        .execute()
    },

    async deleteReceivedBefore(receivedAt, limit) {
      const old = db.selectFrom('webhook_events').select('no').where('received_at', '<', receivedAt).limit(limit)
      const { numDeletedRows } = await db.deleteFrom('webhook_events').where('no', 'in', old).executeTakeFirstOrThrow()
      return Number(numDeletedRows)
    },
  }
}

async function appendChunk(db: Database, events: readonly NewWebhookEvent[]): Promise<AppendedWebhookEvent[]> {
  const inserted = await db
    .insertInto('webhook_events')
    .values(events.map(toRow))
    .onConflict((conflict) => conflict.columns(['connection_no', 'key']).doNothing())
    .returning(['connection_no', 'key'])
    .execute()
  const fresh = new Set(inserted.map((row) => keyOf(row.connection_no, row.key)))
  const appended: AppendedWebhookEvent[] = []
  for (const event of events) {
    // The first of two equal ones in a chunk is the one that was stored.
    if (fresh.delete(keyOf(event.connectionNo, event.key))) appended.push({ isNew: true, answer: event.answer })
    else appended.push({ isNew: false, answer: await keptAnswer(db, event) })
  }
  return appended
}

async function keptAnswer(db: Database, { connectionNo, key }: NewWebhookEvent): Promise<string | null> {
  const row = await db
    .selectFrom('webhook_events')
    .select('answer')
    .where('connection_no', '=', connectionNo)
    .where('key', '=', key)
    .executeTakeFirst()
  return row?.answer ?? null
}

function keyOf(connectionNo: number, key: string): string {
  return `${connectionNo} ${key}`
}

/**
 * The first numbers after the position; undefined when no type is asked for. Looked up type by type: however many entries
 * of other types lie between, and however many of these wait, it costs the same.
 */
function firstPending(db: Database, { connectionNo, types, position, limit }: PendingRequest) {
  const [first, ...others] = types.map((type) => {
    const ofType = db
      .selectFrom('webhook_events')
      .select('no')
      .where('connection_no', '=', connectionNo)
      .where('type', '=', type)
      .where('no', '>', position)
      .orderBy('no')
      .limit(limit)
    return db.selectFrom(ofType.as('of_type')).select('of_type.no')
  })
  return others
    .reduce((all, one) => all?.unionAll(one), first)
    ?.orderBy('no')
    .limit(limit)
}

/** Nothing is pending when nobody reads. */
const LARGEST = Number.MAX_SAFE_INTEGER

type EventBuilder = ExpressionBuilder<Tables, 'webhook_events'>

function isInState(eb: EventBuilder, state: WebhookState, readers: readonly WebhookReader[]): Expression<SqlBool> {
  const concerned = eb.or(readers.map(({ types }) => eb('type', 'in', types)))
  if (state === 'ignored') return eb.not(concerned)
  const pending = eb.or(
    readers.map(({ types, position }) => eb.and([eb('type', 'in', types), eb('no', '>', position)])),
  )
  return state === 'pending' ? pending : eb.and([concerned, eb.not(pending)])
}

function toRow(event: NewWebhookEvent): Omit<Row, 'no'> {
  return {
    connection_no: event.connectionNo,
    key: event.key,
    type: event.type,
    subject_id: event.subjectId,
    occurred_at: event.occurredAt,
    received_at: event.receivedAt,
    origin: event.origin,
    body: event.body,
    answer: event.answer,
  }
}

function toEntry(row: Pick<Row, (typeof ENTRY_COLUMNS)[number]>): WebhookEntry {
  return {
    number: row.no,
    connectionNo: row.connection_no,
    key: row.key,
    type: row.type,
    subjectId: row.subject_id,
    occurredAt: row.occurred_at,
    receivedAt: row.received_at,
    origin: row.origin,
  }
}
