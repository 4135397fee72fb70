/**
 * Measures what README and `bench/README.md` claim, as ratios inside one run: machines differ and are shared.
 * Usage: npm run bench [-- startup landing paging memory search window bucket fast six unlimited incremental webhooks]
 */
import { execFile } from 'node:child_process'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { LIMIT_MEASUREMENTS } from './limits.ts'
import { search } from './search.ts'
import { land, median, report, startHost, startSandbox } from './support.ts'
import { WEBHOOK_MEASUREMENTS } from './webhooks.ts'

const run = promisify(execFile)

/** Name of a measurement to the work that prints it. */
const MEASUREMENTS: Readonly<Record<string, () => Promise<void>>> = {
  startup,
  landing,
  paging,
  memory,
  search,
  ...LIMIT_MEASUREMENTS,
  ...WEBHOOK_MEASUREMENTS,
}

/** Process start to `/ready` on an empty folder. */
async function startup(): Promise<void> {
  const sandbox = await startSandbox(['--charges', '1'])
  const times: number[] = []
  for (let round = 0; round < 5; round++) {
    const host = await startHost(sandbox.url)
    times.push(host.startMs)
    await host.stop()
  }
  await sandbox.stop()
  report('start to /ready, empty DATA_DIR, median of 5', `${Math.round(median(times))} ms`, '1500 ms at most')
}

/** 50,000 charges at no latency: the host against the SDK's auto-paging into a file. */
async function landing(): Promise<void> {
  const count = 50_000
  const sandbox = await startSandbox(['--charges', String(count)])
  const folder = await mkdtemp(join(tmpdir(), 'flow-bench-'))
  const plain: number[] = []
  const ours: number[] = []
  for (let round = 0; round < 3; round++) {
    const { stdout } = await run(process.execPath, ['bench/plain-sdk.ts', sandbox.url, join(folder, 'charges.ndjson')])
    const measured = JSON.parse(stdout) as { count: number; seconds: number }
    if (measured.count !== count) throw new Error(`The SDK read ${measured.count} charges.`)
    plain.push(count / measured.seconds)
    const host = await startHost(sandbox.url)
    const landed = await land(host.api, 'charges')
    ours.push(count / landed.seconds)
    await host.stop()
  }
  await sandbox.stop()
  await rm(folder, { recursive: true })
  report('plain SDK into an NDJSON file', `${Math.round(median(plain))} records/s`)
  report('landed in the embedded store', `${Math.round(median(ours))} records/s`)
  report('ratio', (median(ours) / median(plain)).toFixed(2), '0.40 at least')
}

/** The first page of a dataset against page 5,000. */
async function paging(): Promise<void> {
  const pages = 5_000
  const limit = 20
  const sandbox = await startSandbox(['--charges', String(pages * limit + 1000)])
  const host = await startHost(sandbox.url)
  const { dataSetId, runId } = await land(host.api, 'charges')
  for (const [name, base, path] of [
    ['dataset', '/data/foundation/catalog', `/dataSets/${dataSetId}/records`],
    ['run', '/data/foundation/flowservice', `/runs/${runId}/records`],
  ] as const) {
    const first = `${base}${path}?limit=${limit}`
    let deep = first
    for (let page = 1; page < pages; page++) {
      deep = base + (await host.api.get(deep)).data._links.next.href
    }
    const times = { first: [] as number[], deep: [] as number[] }
    for (let round = 0; round < 300; round++) {
      for (const [depth, url] of [
        ['first', first],
        ['deep', deep],
      ] as const) {
        const started = performance.now()
        await host.api.get(url, { responseType: 'text' })
        times[depth].push(performance.now() - started)
      }
    }
    const ratio = median(times.deep) / median(times.first)
    report(`page 1 of a ${name}, p50`, `${median(times.first).toFixed(2)} ms`)
    report(`page ${pages} of a ${name}, p50`, `${median(times.deep).toFixed(2)} ms`)
    report('ratio', ratio.toFixed(2), '1.30 at most')
  }
  await host.stop()
  await sandbox.stop()
}

/** Peak memory of the host while landing 50,000 and 500,000 charges. */
async function memory(): Promise<void> {
  for (const count of [50_000, 500_000]) {
    const sandbox = await startSandbox(['--charges', String(count)])
    const host = await startHost(sandbox.url)
    const { seconds } = await land(host.api, 'charges')
    const peak = Math.round(await host.peakMemory())
    report(`peak memory while landing ${count} charges`, `${peak} MB`, '250 MB at most')
    report('', `${Math.round(count / seconds)} records/s`)
    await host.stop()
    await sandbox.stop()
  }
}

const asked = process.argv.slice(2)
const unknown = asked.filter((name) => !(name in MEASUREMENTS))
if (unknown.length > 0) {
  console.error(`No measurement ${unknown.join(', ')}; there are ${Object.keys(MEASUREMENTS).join(', ')}.`)
  process.exit(1)
}
for (const [name, measure] of Object.entries(MEASUREMENTS)) {
  if (asked.length > 0 && !asked.includes(name)) continue
  console.log(`\n${name}`)
  await measure()
}
