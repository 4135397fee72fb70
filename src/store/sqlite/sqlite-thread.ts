import { DatabaseSync } from 'node:sqlite'
import { parentPort, workerData } from 'node:worker_threads'
import { PreparedDatabase } from './prepared-database.ts'
import type { Answer, Command, ThreadOptions } from './writer-thread.ts'

/**
 * The thread that writes: SQLite waits for the disk, and nothing else in the process should wait with it. Carries out one
 * command after the other.
 */
const { file, pragmas } = workerData as ThreadOptions

const database = new DatabaseSync(file)
database.exec(pragmas)
const prepared = new PreparedDatabase(database)

parentPort?.on('message', (command: Command) => {
  parentPort?.postMessage(answer(command))
  if (command.kind === 'close') parentPort?.close()
})

function answer(command: Command): Answer {
  try {
    return { result: carryOut(command) }
  } catch (error) {
    const { message, code, errcode, errstr } = error as Error & { code?: string; errcode?: number; errstr?: string }
    return { error: { message, code, errcode, errstr } }
  }
}

function carryOut(command: Command) {
  if (command.kind === 'execute') return prepared.execute(command.sql, command.parameters)
  prepared[command.kind]()
  return { rows: [], changes: 0 }
}
