import { DatabaseSync } from 'node:sqlite'
import { parentPort } from 'node:worker_threads'
import { PreparedDatabase, type StatementResult } from './prepared-database.ts'
import type { createThreadDelivery } from './thread-delivery.ts'
import type { Answer, Command, StatementCommand, ThreadOptions } from './writer-thread.ts'

/**
 * The thread that writes: SQLite waits for the disk, and nothing else in the process should wait with it. Carries out one
 * command after the other; has at most one database open.
 */

/** What delivers pages takes longer to load than the thread to start, so it is loaded a little later or when it is needed. */
const LOAD_DELIVERY_AFTER_MS = 400

let database: PreparedDatabase | null = null
let deliverPages: ReturnType<typeof createThreadDelivery> | null = null
let last: Promise<void> = Promise.resolve()

parentPort?.on('message', (command: Command) => {
  last = last.then(async () => parentPort?.postMessage(await answer(command)))
})
setTimeout(() => void loadDelivery(), LOAD_DELIVERY_AFTER_MS).unref()

async function answer(command: Command): Promise<Answer> {
  try {
    return { result: await carryOut(command) }
  } catch (error) {
    const { message, code, errcode, errstr } = error as Error & { code?: string; errcode?: number; errstr?: string }
    return { error: { message, code, errcode, errstr } }
  }
}

async function carryOut(command: Command): Promise<unknown> {
  if (command.kind === 'open') return open(command)
  if (command.kind === 'close') return close()
  if (command.kind !== 'deliverPages') return runStatement(command)
  deliverPages ??= (await loadDelivery()).createThreadDelivery({
    run: async (statement) => runStatement(statement),
  })
  return deliverPages(command.request)
}

function open({ file, pragmas }: ThreadOptions): void {
  const opened = new DatabaseSync(file)
  try {
    opened.exec(pragmas)
  } catch (error) {
    opened.close()
    throw error
  }
  database = new PreparedDatabase(opened)
}

function close(): void {
  database?.close()
  database = null
  deliverPages = null
}

function runStatement(command: StatementCommand): StatementResult {
  if (!database) throw new Error('The database is not open.')
  if (command.kind === 'execute') return database.execute(command.sql, command.parameters)
  database[command.kind]()
  return { rows: [], changes: 0 }
}

function loadDelivery() {
  return import('./thread-delivery.ts')
}
