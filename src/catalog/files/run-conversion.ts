import { fork } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import type { ConvertRequest } from './convert.ts'

/** The process' program, compiled or not as this file is. */
const PROGRAM = path.join(import.meta.dirname, `convert-process${path.extname(import.meta.filename)}`)
const NODE_OPTIONS = ['--disable-warning=ExperimentalWarning', '--max-semi-space-size=4', '--max-old-space-size=256']
const LONGEST_MESSAGE = 500

/** Makes a Parquet file in a process of its own; `signal` ends the process. Rejects when the file was not made. */
export async function runConversion(request: ConvertRequest, signal: AbortSignal): Promise<void> {
  signal.throwIfAborted()
  const child = fork(PROGRAM, [], { execArgv: NODE_OPTIONS, stdio: ['ignore', 'ignore', 'pipe', 'ipc'], env: {} })
  const kill = () => child.kill('SIGKILL')
  signal.addEventListener('abort', kill, { once: true })
  let complaint = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    complaint = (complaint + text).slice(0, LONGEST_MESSAGE)
  })
  try {
    const closed = once(child, 'close')
    child.send(request)
    const [code] = await closed
    signal.throwIfAborted()
    if (code !== 0) throw new Error(`The Parquet file could not be made: ${complaint || 'the process was ended'}`)
  } finally {
    signal.removeEventListener('abort', kill)
  }
}
