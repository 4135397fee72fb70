import { SingleBar } from 'cli-progress'
import { systemClock } from '../../clock.ts'
import { AuditCommandError } from './audit-command-error.ts'
import { EXIT_CODES, type AuditOptions } from './command.ts'
import { findCredentials } from './credentials.ts'
import { createHostApi, HostUnavailableError, type HostApi } from './host-api.ts'

const FLOW_SERVICE = '/data/foundation/flowservice'

/** So many findings are shown; the others are to be had from the API. */
const SHOWN_FINDINGS = 10

/** How often to ask how far it is, ms. */
const POLL_MS = 500

/** A host that comes back within this time goes on with the audit, ms. */
const LONGEST_ABSENCE_MS = 60_000

interface Audit {
  readonly id: string
  readonly status: 'scheduled' | 'inProgress' | 'success' | 'failed'
  readonly compared: number
  readonly toCompare: number | null
  readonly missing: number
  readonly extra: number
  readonly stale: number
  readonly drift: boolean
  readonly notes: readonly string[]
  readonly errors: readonly { readonly message: string }[]
  readonly repairRunId: string | null
  readonly findings: readonly { readonly id: string; readonly kind: string }[]
}

interface Run {
  readonly metrics: {
    readonly recordSummary: { readonly outputRecordCount?: number; readonly failedRecordCount?: number }
    readonly statusSummary: { readonly status: Audit['status']; readonly errors: Audit['errors'] }
  }
}

type ExitCode = (typeof EXIT_CODES)[keyof typeof EXIT_CODES]

/** Audits the flow and says what it found. Resolves with the exit code. */
export async function audit({ flow, repair, url, sandbox }: AuditOptions, env: NodeJS.ProcessEnv): Promise<ExitCode> {
  try {
    const api = createHostApi({ url, sandbox, credentials: await findCredentials(env) })
    const path = `${FLOW_SERVICE}/flows/${encodeURIComponent(flow)}`
    const { id } = await api.post<Audit>(`${path}/audit`, { repair })
    const done = await followAudit(api, `${path}/audits/${id}`)
    if (done.status === 'failed') throw new AuditCommandError(`The audit failed. ${messagesOf(done.errors)}`)
    report(done, `${path}/audits/${id}`)
    if (!done.drift) return EXIT_CODES.same
    if (!repair) return EXIT_CODES.drift
    return (await followRepair(api, done)) ? EXIT_CODES.same : EXIT_CODES.drift
  } catch (error) {
    if (!(error instanceof AuditCommandError)) throw error
    console.error(error.message)
    return EXIT_CODES.notAudited
  }
}

/** Shows how far the audit is until it has ended. */
async function followAudit(api: HostApi, path: string): Promise<Audit> {
  const bar = new SingleBar({
    format: 'compared  {bar}  {value}/{total}',
    hideCursor: true,
    noTTYOutput: true,
    notTTYSchedule: 10_000,
  })
  bar.start(1, 0)
  try {
    return await poll(async () => {
      const audit = await api.get<Audit>(`${path}?limit=${SHOWN_FINDINGS}`)
      if (audit.toCompare !== null) bar.setTotal(Math.max(audit.toCompare, audit.compared))
      bar.update(audit.compared)
      return isEnded(audit.status) ? audit : null
    })
  } finally {
    bar.stop()
  }
}

function report({ compared, missing, extra, stale, drift, notes, findings }: Audit, path: string): void {
  console.log(`Compared ${compared} objects.${drift ? '' : ' Nothing differs.'}`)
  for (const note of notes) console.log(`Note: ${note}`)
  if (!drift) return
  console.log(`  missing  ${missing}  at the source, not in the dataset`)
  console.log(`  extra    ${extra}  in the dataset, no longer at the source`)
  console.log(`  stale    ${stale}  in both, and not the same`)
  const all = missing + extra + stale
  console.log(all > findings.length ? `The first ${findings.length} of ${all} (all: GET ${path}):` : 'These are:')
  for (const { id, kind } of findings) console.log(`  ${kind.padEnd(7)}  ${id}`)
}

/** True when the run that the audit has made mended everything. */
async function followRepair(api: HostApi, { repairRunId }: Audit): Promise<boolean> {
  if (repairRunId === null) return false
  const { recordSummary, statusSummary } = await poll(async () => {
    const { items } = await api.get<{ items: readonly [Run] }>(`${FLOW_SERVICE}/runs/${repairRunId}`)
    const { metrics } = items[0]
    return isEnded(metrics.statusSummary.status) ? metrics : null
  })
  const { outputRecordCount: mended = 0, failedRecordCount: refused = 0 } = recordSummary
  const isGood = statusSummary.status === 'success' && refused === 0
  const outcome = `Run ${repairRunId} delivered ${mended} of them anew.`
  console.log(isGood ? outcome : `${outcome} Not everything is mended. ${messagesOf(statusSummary.errors)}`)
  return isGood
}

/** Asks until there is an answer; a host that starts anew meanwhile is waited for. */
async function poll<Answer>(ask: () => Promise<Answer | null>): Promise<Answer> {
  for (let lastSeen = Date.now(); ; await systemClock.sleep(POLL_MS)) {
    try {
      const answer = await ask()
      if (answer !== null) return answer
      lastSeen = Date.now()
    } catch (error) {
      if (!(error instanceof HostUnavailableError) || Date.now() - lastSeen > LONGEST_ABSENCE_MS) throw error
    }
  }
}

function isEnded(status: Audit['status']): boolean {
  return status === 'success' || status === 'failed'
}

function messagesOf(errors: Audit['errors']): string {
  return errors.map(({ message }) => message).join(' ')
}
