/** Kills a host at random moments while it copies accounts, and checks that nothing is lost, doubled or read again without need. */
import { parseArgs } from 'node:util'
import { runKillTrial } from './kill-trial.ts'

const { values } = parseArgs({
  options: {
    kills: { type: 'string', default: '200' },
    seed: { type: 'string', default: String(Date.now() % 1_000_000) },
  },
})
const kills = Number(values.kills)
const seed = Number(values.seed)
const begun = performance.now()
/** Written over itself on a terminal. */
const progressLine = (done: number) => {
  const text = `${done} of ${kills} kills, ${seconds()} s`
  return process.stdout.isTTY ? `\r${text}` : `${text}\n`
}
const seconds = () => Math.round((performance.now() - begun) / 1000)

process.stdout.write(`Killing the host ${kills} times, seed ${seed}\n`)
const report = await runKillTrial({
  seed,
  kills,
  counts: {
    charges: 20_000,
    customers: 4000,
    subscriptions: 1000,
    refunds: 3000,
    prices: 600,
    balance_transactions: 8000,
  },
  latencyMs: 60,
  onKill: (done) => process.stdout.write(progressLine(done)),
})
const { rounds, requests, pages, pagesAgain, deliveries, faults } = report
process.stdout.write(
  `\n${report.kills} kills over ${rounds} accounts in ${seconds()} s: ${deliveries} deliveries, each served once; ` +
    `${requests} requests, of ${pages} list pages ${pagesAgain} were read again.\n`,
)
for (const fault of faults) process.stdout.write(`FAULT ${fault}\n`)
if (faults.length > 0) {
  process.stdout.write(`Again: npm run kill -- --kills ${kills} --seed ${seed}\n`)
  process.exitCode = 1
}
