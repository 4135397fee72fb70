import { CompiledQuery } from 'kysely'
import type { SettingStore } from '../store.ts'
import type { QueryTexts } from './query-texts.ts'
import type { SendStatement } from './send-statement.ts'
import type { Database } from './tables.ts'

export function createSettingStore(db: Database, texts: QueryTexts, send: SendStatement): SettingStore {
  return {
    async get(name) {
      const row = await db.selectFrom('settings').select('value').where('name', '=', name).executeTakeFirst()
      return row?.value ?? null
    },

    async set(name, value) {
      const text = texts.get('set setting', 1, () =>
        db
          .insertInto('settings')
          .values({ name, value })
          .onConflict((conflict) => conflict.column('name').doUpdateSet((eb) => ({ value: eb.ref('excluded.value') })))
          .compile(),
      )
      await send(db, CompiledQuery.raw(text, [name, value]))
    },
  }
}
