import type { Caller } from '../caller.ts'
import { FlowServiceError, notFound } from '../errors.ts'
import type { NumberedFinding, StoredEntity, StoreScope } from '../store/store.ts'
import type { FlowContext } from './context.ts'
import { createdFields } from './created-fields.ts'
import { NEW_AUDIT, type Audit } from './engine/audit-document.ts'
import { loadFlowParts, tenantOf } from './engine/run-parts.ts'
import { findEntity } from './entity.ts'
import { createEtag } from './etag.ts'
import { MissingPartError } from './missing-part-error.ts'
import { openSource } from './open-source.ts'
import type { Flow } from './types.ts'

export interface AuditServiceOptions {
  /** Called after an audit was made, so that it starts without delay. */
  readonly onRunnable: () => void
}

export interface FindingsPage {
  readonly audit: StoredEntity<Audit>
  readonly findings: readonly NumberedFinding[]
  /** Number of the finding after which the next page starts; null when there is none and will be none. */
  readonly next: number | null
}

/** Comparisons of a flow's dataset with its source. All calls throw `FlowServiceError`. */
export interface AuditService {
  /**
   * Makes an audit; it starts when no run of the flow is in hand.
   * @param repair - whether a run is to mend what differs; then the flow must be enabled
   */
  create(caller: Caller, flowId: string, options: { readonly repair: boolean }): Promise<Audit>
  /** The audit and its findings after number `after`. While it goes on there is always a next page, empty until there is more. */
  findings(caller: Caller, flowId: string, auditId: string, after: number, limit: number): Promise<FindingsPage>
}

export function createAuditService(context: FlowContext, { onRunnable }: AuditServiceOptions): AuditService {
  const { store } = context
  return {
    async create(caller, flowId, { repair }) {
      const found = await findEntity<Flow>(store, caller.tenant, 'flows', flowId)
      assertAuditable(found, repair)
      if (repair) await assertMendable(context, found)
      const audit = await store.transaction(async (scope) => {
        const flow = await findEntity<Flow>(scope, caller.tenant, 'flows', flowId)
        assertAuditable(flow, repair)
        await assertHasTaken(scope, flow)
        return insertAudit(scope, context, caller, flow, repair)
      })
      onRunnable()
      return audit
    },

    async findings(caller, flowId, auditId, after, limit) {
      const audit = (await store.entities.get(caller.tenant, 'audits', auditId)) as StoredEntity<Audit> | null
      if (audit === null || audit.document.flowId !== flowId) throw notFound('audits', auditId)
      // The status is read before the findings: an audit seen as ended has found all of them.
      const { status } = audit.document
      const found = await store.audits.findings(audit.no, after, limit + 1)
      const findings = found.slice(0, limit)
      const goesOn = status === 'scheduled' || status === 'inProgress'
      return { audit, findings, next: goesOn || found.length > limit ? (findings.at(-1)?.number ?? after) : null }
    },
  }
}

function assertAuditable({ id, document: { state } }: StoredEntity<Flow>, repair: boolean): void {
  if (state === 'draft') {
    throw new FlowServiceError('1422-400', `Flow ${id} is a draft, so there is nothing to compare; publish it first.`)
  }
  if (repair && state !== 'enabled') {
    throw new FlowServiceError('1388-400', `Flow ${id} is ${state}; enable it before mending, or leave repair out.`)
  }
}

async function assertHasTaken(scope: StoreScope, flow: StoredEntity<Flow>): Promise<void> {
  const position = (await scope.progress.get(flow.no))?.position ?? null
  if (position !== null) return
  throw new FlowServiceError(
    '1422-400',
    `Flow ${flow.id} has no successful run yet, so there is nothing to compare; audit it after its first one.`,
  )
}

/** What is missing is told by the audit itself. */
async function assertMendable(context: FlowContext, flow: StoredEntity<Flow>): Promise<void> {
  try {
    const { base, sourceConnection } = await loadFlowParts(context, flow)
    if (openSource(context, base, sourceConnection.document.params).readObject !== undefined) return
  } catch (error) {
    if (error instanceof MissingPartError) return
    throw error
  }
  const message = `The source of flow ${flow.id} reads no single objects, so nothing can be mended; leave repair out.`
  throw new FlowServiceError('1402-400', message)
}

/** Stores an audit with status `scheduled`, in the caller's transaction: its wire form and the engine's state of it. */
async function insertAudit(
  scope: StoreScope,
  { clock, newId }: Pick<FlowContext, 'clock' | 'newId'>,
  by: Caller,
  flow: StoredEntity<Flow>,
  repair: boolean,
): Promise<Audit> {
  const now = clock.now()
  const etag = createEtag(now)
  const tenant = tenantOf(flow)
  const audit: Audit = {
    ...createdFields({ ...by, tenant }, newId(), now),
    etag,
    flowId: flow.id,
    repair,
    ...NEW_AUDIT,
  }
  const runNo = await scope.entities.insert({ kind: 'audits', tenant, etag, document: audit })
  const state = { flowNo: flow.no, status: 'scheduled', notBefore: now, lastSequence: 0, checkpoint: null } as const
  await scope.runs.insert({ runNo, ...state })
  return audit
}
