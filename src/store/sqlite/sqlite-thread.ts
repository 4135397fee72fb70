import { DatabaseSync } from 'node:sqlite'
import { parentPort } from 'node:worker_threads'
import { PreparedDatabase, type StatementCommand, type StatementResult } from './prepared-database.ts'
import type { createThreadDelivery } from './thread-delivery.ts'
import type { Answer, Command, ThreadOptions } from './writer-thread.ts'

/**
 * The thread that writes: SQLite waits for the disk, and nothing else in the process should wait with it. Carries out one
 * command after the other; has at most one database open.
 */

/** What delivers pages takes longer to load than the thread to start, so it is loaded a little later or when it is needed. */
const LOAD_DELIVERY_AFTER_MS = 400

let database: PreparedDatabase | null = null
let delivery: Promise<ReturnType<typeof createThreadDelivery>> | undefined
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
  const deliverPages = await loadDelivery()
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
  const closing = database
  database = null
  closing?.close()
}

function runStatement(command: StatementCommand): StatementResult {
  if (!database) throw new Error('The database is not open.')
  return database.carryOut(command)
}

function loadDelivery() {
  return (delivery ??= import('./thread-delivery.ts').then(({ createThreadDelivery }) =>
    createThreadDelivery({ run: async (command) => runStatement(command) }),
  ))
}
