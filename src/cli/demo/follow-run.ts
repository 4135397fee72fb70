import { SingleBar } from 'cli-progress'
import { systemClock } from '../../clock.ts'
import { FLOW, type Created, type Items } from './steps.ts'
import { DemoError, type Transcript } from './transcript.ts'

/** A run of the demo that takes longer is a fault, ms. */
const LONGEST_RUN_MS = 120_000

export interface DemoRun extends Created {
  readonly metrics: {
    readonly recordSummary: { readonly inputRecordCount?: number; readonly outputRecordCount?: number }
    readonly statusSummary: { readonly status: string; readonly errors: readonly unknown[] }
  }
}

/** Waits for the run that a new flow makes by itself and shows how it gets on. @returns the run's id */
export async function followRun(transcript: Transcript, flowId: string, what: string, total: number): Promise<string> {
  const path = `${FLOW}/runs?property=flowId==${flowId}`
  let items: readonly Created[] = []
  for (const deadline = Date.now() + 10_000; items.length === 0 && Date.now() < deadline; await systemClock.sleep(50)) {
    items = (await transcript.quietly<Items<DemoRun>>({ method: 'GET', path })).items
  }
  const runId = items[0]?.id
  if (runId === undefined) throw new DemoError('The flow has made no run within 10 s.')

  const bar = new SingleBar({
    format: `${what}  {bar}  {value}/{total}  {percentage} %`,
    hideCursor: true,
    noTTYOutput: true,
    notTTYSchedule: 1_000,
  })
  bar.start(total, 0)
  try {
    await untilEnded(transcript, runId, (count) => bar.update(Math.min(count, total)))
  } finally {
    bar.stop()
  }
  return runId
}

/** Waits until a run has succeeded, telling how many records it has read so far. */
async function untilEnded(
  transcript: Transcript,
  runId: string,
  onCount: (count: number) => void = () => {},
): Promise<DemoRun> {
  for (const deadline = Date.now() + LONGEST_RUN_MS; Date.now() < deadline; await systemClock.sleep(100)) {
    const { items } = await transcript.quietly<Items<DemoRun>>({ method: 'GET', path: `${FLOW}/runs/${runId}` })
    const [run] = items
    if (run === undefined) throw new DemoError(`The run ${runId} has no answer.`)
    const { metrics } = run
    onCount(metrics.recordSummary.inputRecordCount ?? 0)
    if (metrics.statusSummary.status === 'success') return run
    if (metrics.statusSummary.status === 'failed') {
      throw new DemoError(`The run failed: ${JSON.stringify(metrics.statusSummary.errors)}`)
    }
  }
  throw new DemoError(`The run has not ended within ${LONGEST_RUN_MS / 1000} s.`)
}

/** Runs a flow once more and shows what the run delivered. */
export async function runAgain(
  transcript: Transcript,
  flowId: string,
): Promise<{ readonly run: DemoRun; readonly ids: readonly string[] }> {
  const { call } = transcript
  const { id } = await call<Created>({
    method: 'POST',
    path: `${FLOW}/runs`,
    body: { flowId },
    show: (answer) => (answer as { items: unknown }).items,
  })
  const run = await untilEnded(transcript, id)
  const { items } = await call<Items<Created>>({
    method: 'GET',
    path: `${FLOW}/runs/${id}/records`,
    show: (answer) => (answer as Items<Created>).items.map((item) => item.id),
  })
  return { run, ids: items.map((item) => item.id) }
}
