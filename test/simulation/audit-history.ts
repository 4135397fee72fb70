import type { Audit } from '../../src/flow/engine/audit-document.ts'
import type { AuditFindingKind } from '../../src/store/store.ts'
import { checkDataSet, differences } from './check-dataset.ts'
import { contentOf } from './check-history.ts'
import { HistoryFailure } from './history-failure.ts'
import type { AuditPlan } from './history-plan.ts'
import type { ModelObject } from './model/model-object.ts'
import { embeddedPriceIds } from './model/mutations.ts'
import { CALLER, type StoredFlow } from './simulated-host.ts'
import type { Stage } from './stage.ts'

export interface AuditCounts {
  readonly audits: number
  /** Differences that audits had to find. */
  readonly drift: number
}

export const NOT_AUDITED: AuditCounts = { audits: 0, drift: 0 }

/** Damages what a history left, unless the plan leaves it whole, and lets an audit find exactly that and mend it. */
export async function auditHistory(stage: Stage, { damages, repair }: AuditPlan): Promise<AuditCounts> {
  const flow = stage.rng.pick(stage.flows)
  for (let time = 0; time < damages; time++) await damage(stage, flow)
  const expected = await driftOf(stage, flow)
  stage.mayKill = true
  stage.mostKills = stage.kills + 1
  stage.armKill()
  const audit = await runAudit(stage, flow, repair)
  stage.disarm()
  compare(expected, await findingsOf(stage, audit), audit)
  const content = await contentOf({ ...stage, store: stage.medium.real, world: stage.world, now: stage.now }, flow)
  if (repair) checkDataSet(content)
  else compare(expected, kindsOf(differences(content)), audit)
  return { audits: 1, drift: expected.size }
}

type Drift = ReadonlyMap<string, AuditFindingKind>

async function driftOf(stage: Stage, flow: StoredFlow): Promise<Drift> {
  const { world, now, medium } = stage
  return kindsOf(differences(await contentOf({ store: medium.real, world, now }, flow)))
}

function kindsOf(found: ReturnType<typeof differences>): Drift {
  return new Map(found.map(({ kind, object }) => [object.id, kind]))
}

function compare(expected: Drift, found: Drift, { id, repair }: Audit): void {
  const [wanted, got] = [expected, found].map((drift) => JSON.stringify([...drift].sort()))
  if (wanted === got) return
  throw new HistoryFailure(`Audit ${id}, repair ${repair}, comes to ${got}; the difference is ${wanted}.`)
}

/** The audit when it and the run that mends what it found have ended. */
async function runAudit(stage: Stage, flow: StoredFlow, repair: boolean): Promise<Audit> {
  let audits = await listAudits(stage)
  while (audits.length === 0) {
    await stage.ask((host) => host.audits.create(CALLER, flow.id, { repair }))
    audits = await listAudits(stage)
  }
  await stage.untilRunsEnd(10)
  const audit = (await listAudits(stage))[0]!
  const { status, errors, compared, missing, extra, stale, drift } = audit
  if (status !== 'success') throw new HistoryFailure(`The audit is ${status}: ${JSON.stringify(errors)}`)
  if (drift !== missing + extra + stale > 0 || compared < missing + stale) {
    throw new HistoryFailure(`The audit's figures do not agree: ${JSON.stringify(audit)}`)
  }
  if ((audit.repairRunId !== null) !== (repair && drift)) {
    throw new HistoryFailure(`The audit's repair run is ${audit.repairRunId}: ${JSON.stringify(audit)}`)
  }
  return audit
}

async function listAudits(stage: Stage): Promise<Audit[]> {
  const query = { filter: [], order: [], limit: 10, after: null }
  const audits = await stage.drive(stage.observer.entities.list(CALLER.tenant, 'audits', query))
  return audits.map(({ document }) => document as unknown as Audit)
}

async function findingsOf(stage: Stage, audit: Audit): Promise<Drift> {
  const { observer } = stage
  const entity = await stage.drive(observer.entities.get(CALLER.tenant, 'audits', audit.id))
  const findings = await stage.drive(observer.audits.findings(entity!.no, 0, 10_000))
  const drift = new Map(findings.map(({ kind, objectId }) => [objectId, kind]))
  if (drift.size < findings.length) throw new HistoryFailure(`Audit ${audit.id} names an object twice.`)
  return drift
}

/** Something that no event tells of happens to an object of the dataset or of the account. */
async function damage(stage: Stage, flow: StoredFlow): Promise<void> {
  const { rng, world, now } = stage
  const objects = world.list(flow.resource).filter((object) => object.isListed(now))
  if (objects.length === 0) return
  const object = rng.pick(objects)
  rng.pick(DAMAGES)(stage, flow, object)
}

type Damage = (stage: Stage, flow: StoredFlow, object: ModelObject) => void

const lose: Damage = ({ database }, { dataSetNo }, { id }) => {
  database.prepare('delete from objects where data_set_no = ? and object_id = ?').run(dataSetNo, id)
}

const spoil: Damage = ({ database }, { dataSetNo }, { id }) => {
  const body = JSON.stringify({ data: { id, object: 'spoilt' } })
  const which = 'select run_no, sequence from objects where data_set_no = ? and object_id = ?'
  database.prepare(`update deliveries set body = ? where (run_no, sequence) in (${which})`).run(body, dataSetNo, id)
}

const changeSilently: Damage = ({ world, now }, _, object) => {
  // One that is going to change by itself keeps its future.
  if (object.versions.at(-1)!.at <= now) world.change(object, now, {})
}

const deleteSilently: Damage = ({ world, now }, { resource }, object) => {
  const isHeld = () =>
    world
      .list('subscriptions')
      .some(({ versions }) => versions.some(({ body }) => embeddedPriceIds(body).includes(object.id)))
  if (resource === 'customers' || (resource === 'prices' && !isHeld())) world.delete(object, now)
}

const DAMAGES: readonly Damage[] = [lose, spoil, changeSilently, deleteSilently]
