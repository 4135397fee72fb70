import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { HistoryWorker } from './history-worker.ts'
import { runHistory, type HistoryResult, type HistorySummary } from './history.ts'

/*
 * npm run simulate -- --seeds 1..10000   lives histories through and says which break a promise
 * npm run simulate -- --minutes 4        begins no further history after so long
 * npm run simulate -- --seed 4711        lives one through again and tells every step
 */

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1..1000' },
    seed: { type: 'string' },
    workers: { type: 'string', default: String(availableParallelism()) },
    'most-failures': { type: 'string', default: '20' },
    minutes: { type: 'string', default: 'Infinity' },
    quiet: { type: 'boolean', default: false },
  },
})

/** Nobody watches a pipe; a line now and then tells that it goes on. */
const PROGRESS_EVERY_MS = process.stdout.isTTY ? 2_000 : 9_000

const COUNTED = [
  'steps',
  'requests',
  'runs',
  'kills',
  'faults',
  'storeFaults',
  'rateLimits',
  'cuts',
  'killsBetweenCuts',
  'goneCursors',
  'retriggers',
  'unauthorized',
  'clockSteps',
  'relisted',
  'audits',
  'drift',
] as const satisfies readonly (keyof HistorySummary)[]

if (values.seed !== undefined) await replay(Number(values.seed))
else await simulateAll()

async function replay(seed: number): Promise<void> {
  const result = await runHistory(seed, values.quiet ? undefined : (line) => print(line))
  print(JSON.stringify(result, null, 2))
  if (result.failure !== null) print(`\n${result.failure}`)
  process.exitCode = result.failure === null ? 0 : 1
}

async function simulateAll(): Promise<void> {
  const [first, last] = parseSeeds(values.seeds)
  const startedAt = performance.now()
  let histories = 0
  const total: Record<string, number> = {}
  const failed: number[] = []
  const workers = new Set<HistoryWorker>()
  let next = first

  const seconds = () => (performance.now() - startedAt) / 1000
  const describe = () => `${histories} histories in ${seconds().toFixed(1)} s`
  const describeAll = () => `${describe()}: ${COUNTED.map((name) => `${total[name] ?? 0} ${name}`).join(', ')}`
  const progress = setInterval(() => {
    print(describe())
    for (const worker of workers) worker.giveUpWhenHung()
  }, PROGRESS_EVERY_MS)
  const fail = (seed: number, failure: string) => {
    failed.push(seed)
    print(`seed ${seed} failed: ${failure.slice(0, 1500)}\n  npm run simulate -- --seed ${seed}`)
  }
  const isOver = () =>
    next > last || failed.length >= Number(values['most-failures']) || seconds() > Number(values.minutes) * 60
  const takeSeed = () => (isOver() ? null : next++)
  const take = (result: HistoryResult) => {
    histories += 1
    for (const name of COUNTED) total[name] = (total[name] ?? 0) + result[name]
    if (result.failure !== null) fail(result.seed, result.failure)
  }
  const labour = async (): Promise<void> => {
    const worker = new HistoryWorker()
    workers.add(worker)
    for (let seed = takeSeed(); seed !== null; seed = takeSeed()) {
      try {
        take(await worker.run(seed))
      } catch (error) {
        histories += 1
        fail(seed, (error as Error).message)
      }
    }
    worker.end()
    workers.delete(worker)
  }
  await Promise.all(Array.from({ length: Math.max(1, Number(values.workers)) }, labour))
  clearInterval(progress)
  print(describeAll())
  if (next <= last) print(`The seeds from ${next} on were left out.`)
  if (failed.length > 0) print(`failing seeds: ${failed.join(' ')}`)
  print(`histories: ${histories - failed.length} passed, ${failed.length} failed`)
  process.exitCode = failed.length === 0 ? 0 : 1
}

function parseSeeds(range: string): [first: number, last: number] {
  const [first = '', last = first] = range.split('..')
  const seeds: [number, number] = [Number(first), Number(last)]
  if (!seeds.every(Number.isSafeInteger)) throw new RangeError(`--seeds is ${range}; give for example 1..1000.`)
  return seeds
}

function print(line: string): void {
  process.stdout.write(`${line}\n`)
}
