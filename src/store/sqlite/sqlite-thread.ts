import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { PreparedDatabase } from './prepared-database.ts'
import type { createThreadDelivery } from './thread-delivery.ts'
import type { Answer, Command, StatementCommand, ThreadOptions } from './writer-thread.ts'

/**
 * The thread that writes: SQLite waits for the disk, and nothing else in the process should wait with it. Carries out one
 * command after the other.
 */
const { file, pragmas } = workerData as ThreadOptions

/** What delivers pages takes longer to load than the thread to start, so it is loaded a little later or when it is needed. */
const LOAD_DELIVERY_AFTER_MS = 1000

const database = new DatabaseSync(file)
database.exec(pragmas)
const prepared = new PreparedDatabase(database)

let delivery: Promise<ReturnType<typeof createThreadDelivery>> | undefined
let last: Promise<void> = Promise.resolve()

parentPort?.on('message', (command: Command) => {
  last = last.then(async () => {
    parentPort?.postMessage(await answer(command))
    if (command.kind === 'close') parentPort?.close()
  })
})
setTimeout(() => void loadDelivery(), LOAD_DELIVERY_AFTER_MS).unref()

async function answer(command: Command): Promise<Answer> {
  try {
    if (command.kind !== 'deliverPages') return { result: carryOut(command) }
    const deliverPages = await loadDelivery()
    return { result: await deliverPages(command.request) }
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

function loadDelivery() {
  return (delivery ??= import('./thread-delivery.ts').then(({ createThreadDelivery }) =>
    createThreadDelivery({ run: async (command) => carryOut(command) }),
  ))
}
