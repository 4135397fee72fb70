import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'

const ROOT = path.resolve(import.meta.dirname, '../..')

export interface HostProcess {
  readonly child: ChildProcess
  /** What the process has written so far. */
  readonly stdout: () => string
  readonly stderr: () => string
  /** Resolves with the match as soon as stdout shows it; rejects when the process ends before. */
  waitFor(pattern: RegExp): Promise<RegExpExecArray>
  /** Resolves with the exit code when the process has ended and its output is complete. */
  readonly ended: Promise<number | null>
}

/** Runs the program in a process of its own, with these settings and no others. */
export function startProcess(
  env: Readonly<Record<string, string>>,
  args: readonly string[] = ['src/main.ts'],
): HostProcess {
  const child = spawn(process.execPath, ['--disable-warning=ExperimentalWarning', ...args], {
    cwd: ROOT,
    env: { PATH: process.env['PATH'], PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  let stdout = ''
  let stderr = ''
  child.stdout.setEncoding('utf8').on('data', (text: string) => (stdout += text))
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  return {
    child,
    stdout: () => stdout,
    stderr: () => stderr,
    waitFor: (pattern) =>
      new Promise((resolve, reject) => {
        const look = () => {
          const match = pattern.exec(stdout)
          if (match) resolve(match)
        }
        child.stdout.on('data', look)
        child.once('close', () => reject(new Error(`The process ended: ${stdout}${stderr}`)))
        look()
      }),
    ended: once(child, 'close').then(([code]) => code),
  }
}
