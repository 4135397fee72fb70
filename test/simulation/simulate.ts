import { availableParallelism } from 'node:os'
import { parseArgs } from 'node:util'
import { HistoryWorker } from './history-worker.ts'
import { runHistory, type HistoryResult } from './history.ts'

/*
 * npm run simulate -- --seeds 1..10000   lives histories through and says which break a promise
 * npm run simulate -- --seed 4711        lives one through again and tells every step
 */

const { values } = parseArgs({
  options: {
    seeds: { type: 'string', default: '1..1000' },
    seed: { type: 'string' },
    workers: { type: 'string', default: String(availableParallelism()) },
    'most-failures': { type: 'string', default: '20' },
    quiet: { type: 'boolean', default: false },
  },
})

const PROGRESS_EVERY_MS = 5_000

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
  const total = { histories: 0, steps: 0, runs: 0, requests: 0, faults: 0, rateLimits: 0, kills: 0 }
  const failed: number[] = []
  const workers = new Set<HistoryWorker>()
  let next = first

  const seconds = () => (performance.now() - startedAt) / 1000
  const describe = () =>
    `${total.histories} histories, ${failed.length} failed, ${total.kills} kills, ${total.faults} faults, ` +
    `${total.rateLimits} rate limits, ${total.requests} requests, ${total.runs} runs, ${total.steps} steps ` +
    `in ${seconds().toFixed(1)} s`
  const progress = setInterval(() => {
    print(describe())
    for (const worker of workers) worker.giveUpWhenHung()
  }, PROGRESS_EVERY_MS)
  const fail = (seed: number, failure: string) => {
    failed.push(seed)
    print(`seed ${seed} failed: ${failure.slice(0, 1500)}\n  npm run simulate -- --seed ${seed}`)
  }
  const takeSeed = () => (next > last || failed.length >= Number(values['most-failures']) ? null : next++)
  const take = (result: HistoryResult) => {
    total.histories += 1
    for (const name of ['steps', 'runs', 'requests', 'faults', 'rateLimits', 'kills'] as const) {
      total[name] += result[name]
    }
    if (result.failure !== null) fail(result.seed, result.failure)
  }
  const labour = async (): Promise<void> => {
    const worker = new HistoryWorker()
    workers.add(worker)
    for (let seed = takeSeed(); seed !== null; seed = takeSeed()) {
      try {
        take(await worker.run(seed))
      } catch (error) {
        fail(seed, (error as Error).message)
      }
    }
    worker.end()
    workers.delete(worker)
  }
  await Promise.all(Array.from({ length: Math.max(1, Number(values.workers)) }, labour))
  clearInterval(progress)
  print(describe())
  if (failed.length > 0) print(`failing seeds: ${failed.join(' ')}`)
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
