import { Kysely } from 'kysely'
import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { deliverPages } from '../sql/deliver-pages.ts'
import { QueryTexts } from '../sql/query-texts.ts'
import type { Tables } from '../sql/tables.ts'
import { PreparedDatabase } from './prepared-database.ts'
import { createSqliteDialect } from './sqlite-driver.ts'
import type { Answer, Command, StatementCommand, ThreadOptions } from './writer-thread.ts'

/**
 * The thread that writes: SQLite waits for the disk, and nothing else in the process should wait with it. Carries out one
 * command after the other.
 */
const { file, pragmas } = workerData as ThreadOptions

const database = new DatabaseSync(file)
database.exec(pragmas)
const prepared = new PreparedDatabase(database)
const db = new Kysely<Tables>({
  dialect: createSqliteDialect({ writer: { run: async (command) => carryOut(command) }, reader: null, close }),
})
const texts = new QueryTexts()

let last: Promise<void> = Promise.resolve()

parentPort?.on('message', (command: Command) => {
  last = last.then(async () => {
    parentPort?.postMessage(await answer(command))
    if (command.kind === 'close') parentPort?.close()
  })
})

async function answer(command: Command): Promise<Answer> {
  try {
    if (command.kind === 'deliverPages') return { result: await deliverPages(db, texts, command.request) }
    return { result: carryOut(command) }
  } catch (error) {
    const { message, code, errcode, errstr } = error as Error & { code?: string; errcode?: number; errstr?: string }
    return { error: { message, code, errcode, errstr } }
  }
}

function carryOut(command: StatementCommand) {
  if (command.kind === 'execute') return prepared.execute(command.sql, command.parameters)
  prepared[command.kind]()
  return { rows: [], changes: 0 }
}

async function close(): Promise<void> {}
