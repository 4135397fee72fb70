import type { Caller } from '../caller.ts'
import { FlowServiceError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import { createMappingSetService } from '../mapping/mapping-set-service.ts'
import type { StoredEntity, StoreScope } from '../store/store.ts'
import { parseBodyObject } from '../request-body.ts'
import { cancelRuns } from './cancel-runs.ts'
import type { FlowContext } from './context.ts'
import { findEntity, insertEntity, requireDraft, rewriteEntity } from './entity.ts'
import type { Receipt } from './entity.ts'
import { checkIfMatch, requireIfMatch } from './etag.ts'
import { readFlowFields } from './flow-fields.ts'
import { forgetPosition, NO_PROGRESS } from './flow-positions.ts'
import { completedOperation, createdOperation } from './last-operation.ts'
import { applyPatch, parsePatch } from './patch.ts'
import type { PatchOperation, PatchRules } from './patch.ts'
import { assertChangeAllowed, firstDue, nextDue, parseSchedule, sameSchedule } from './schedule.ts'
import type { Schedule } from './schedule.ts'
import type { Flow } from './types.ts'

/** Flows: a source connection, a target connection and a schedule. */
export interface FlowService {
  create(caller: Caller, body: unknown, options: { readonly draft: boolean }): Promise<Receipt>
  get(caller: Caller, id: string): Promise<StoredEntity<Flow>>
  patch(caller: Caller, id: string, body: unknown, ifMatch: string | undefined): Promise<Receipt>
  /** Always possible: stops the schedule and cancels what runs. */
  delete(caller: Caller, id: string): Promise<void>
  /** The first run becomes due at the start time, at once when that has passed. */
  publish(caller: Caller, id: string, ifMatch?: string): Promise<Receipt>
  /** Goes on with the next point of the schedule; what was missed is taken by that run. */
  enable(caller: Caller, id: string, ifMatch?: string): Promise<Receipt>
  /** Makes no further runs by itself; a run in progress finishes. */
  disable(caller: Caller, id: string, ifMatch?: string): Promise<Receipt>
}

export interface FlowServiceOptions {
  /** Called after a flow and its open runs have ended in the store, so that the engine stops working on them. */
  readonly onFlowDeleted?: (flow: StoredEntity<Flow>) => void
  /** Called when a run of a flow may have become due. */
  readonly onFlowDue?: () => void
}

const RULES: PatchRules = {
  allowed: [
    '/name',
    '/description',
    '/scheduleParams',
    '/scheduleParams/*',
    '/transformations',
    '/transformations/*',
    '/policy',
    '/sourceConnectionIds',
    '/targetConnectionIds',
  ],
  optional: ['/description', '/scheduleParams', '/transformations', '/policy'],
}

export function createFlowService(
  context: FlowContext,
  { onFlowDeleted = () => {}, onFlowDue = () => {} }: FlowServiceOptions = {},
): FlowService {
  const { store, clock, specs } = context
  const mappingSets = createMappingSetService(context)

  const read = (scope: StoreScope, { tenant }: Caller, body: JsonObject, draft: boolean) =>
    readFlowFields({ scope, specs, tenant, body, draft, mappingSets })

  async function setDue(scope: StoreScope, flowNo: number, nextDueAt: number | null): Promise<void> {
    const progress = (await scope.progress.get(flowNo)) ?? { flowNo, ...NO_PROGRESS }
    await scope.progress.save({ ...progress, nextDueAt })
  }

  /** Moves an enabled flow's due time to a changed schedule. A run that is due already stays due. */
  async function moveDue(scope: StoreScope, flowNo: number, before: Schedule, after: Schedule): Promise<void> {
    const now = clock.now()
    const dueAt = (await scope.progress.get(flowNo))?.nextDueAt ?? null
    if (sameSchedule(before, after) || (dueAt !== null && dueAt <= now)) return
    await setDue(scope, flowNo, before.startTime > now ? firstDue(after, now) : nextDue(after, now))
  }

  /** After a pause: the next point of the grid. A `once` flow that has not run yet still has its run to make. */
  async function dueAfterPause(scope: StoreScope, flow: StoredEntity<Flow>): Promise<number | null> {
    const schedule = parseSchedule(flow.document.scheduleParams)
    const ranBefore = flow.document.lastRunDetails !== undefined || (await scope.runs.openRuns(flow.no)).length > 0
    return schedule.frequency === 'once' && !ranBefore
      ? firstDue(schedule, clock.now())
      : nextDue(schedule, clock.now())
  }

  /** Switches between `enabled` and `disabled`; nothing else of the flow changes. */
  async function turn(caller: Caller, id: string, action: 'enable' | 'disable', ifMatch: string | undefined) {
    const [from, to] = action === 'enable' ? ['disabled', 'enabled'] : ['enabled', 'disabled']
    return store.transaction(async (scope) => {
      const flow = await findEntity<Flow>(scope, caller.tenant, 'flows', id)
      checkIfMatch(ifMatch, flow.etag)
      if (flow.document.state !== from) {
        const message = `Flow ${id} is ${flow.document.state}; only a flow that is ${from} can be ${to}.`
        throw new FlowServiceError('1422-400', message)
      }
      await setDue(scope, flow.no, action === 'enable' ? await dueAfterPause(scope, flow) : null)
      const lastOperation = completedOperation(action, clock.now())
      return rewriteEntity(context, scope, caller, flow, { ...flow.document, state: to, lastOperation })
    })
  }

  return {
    async create(caller, body, { draft }) {
      const request = parseBodyObject(body)
      refuseMember(request, 'state', '1410-400', 'the server sets it; leave it out')
      refuseMember(request, 'mode', '1368-400', 'a draft is asked for by the query parameter mode=draft')
      const id = context.newId()
      const receipt = await store.transaction(async (scope) => {
        const { fields, schedule, references } = await read(scope, caller, request, draft)
        const flow = {
          ...fields,
          state: draft ? 'draft' : 'enabled',
          runs: `/runs?property=flowId==${id}`,
          lastOperation: createdOperation(clock.now()),
        }
        const written = await insertEntity(context, scope, caller, { kind: 'flows', id, fields: flow, references })
        const dueAt = draft || schedule === null ? null : firstDue(schedule, clock.now())
        await setDue(scope, written.no, dueAt)
        return written
      })
      onFlowDue()
      return receipt
    },

    get(caller, id) {
      return findEntity(store, caller.tenant, 'flows', id)
    },

    async patch(caller, id, body, ifMatch) {
      const operations = parsePatch(body, RULES)
      const receipt = await store.transaction(async (scope) => {
        const flow = await findEntity<Flow>(scope, caller.tenant, 'flows', id)
        requireIfMatch(ifMatch, flow.etag)
        const { document } = flow
        const draft = document.state === 'draft'
        const patched = applyPatch(document, operations, RULES)
        const before = draft ? null : parseSchedule(document.scheduleParams)
        if (before !== null) assertChangeAllowed(before, patched['scheduleParams'], clock.now())
        const { fields, schedule, references } = await read(scope, caller, patched, draft)
        if (document.state === 'enabled' && before !== null && schedule !== null) {
          await moveDue(scope, flow.no, before, schedule)
        }
        if (joins(document) !== joins(fields as Partial<Flow>)) await forgetPosition(scope, flow.no)
        const lastOperation = completedOperation('update', clock.now(), shown(operations))
        return rewriteEntity(
          context,
          scope,
          caller,
          flow,
          { ...kept(document), ...fields, lastOperation },
          { references },
        )
      })
      onFlowDue()
      return receipt
    },

    async delete(caller, id) {
      const flow = await store.transaction(async (scope) => {
        const found = await findEntity<Flow>(scope, caller.tenant, 'flows', id)
        await cancelRuns(context, scope, caller, found)
        await scope.progress.delete(found.no)
        await scope.entities.delete(found.no)
        return found
      })
      onFlowDeleted(flow)
    },

    async publish(caller, id, ifMatch) {
      const receipt = await store.transaction(async (scope) => {
        const flow = await findEntity<Flow>(scope, caller.tenant, 'flows', id)
        checkIfMatch(ifMatch, flow.etag)
        requireDraft(flow)
        const { fields, schedule, references } = await read(scope, caller, flow.document, false)
        await setDue(scope, flow.no, schedule === null ? null : firstDue(schedule, clock.now()))
        const lastOperation = completedOperation('publish', clock.now())
        const published = { ...kept(flow.document), ...fields, state: 'enabled', lastOperation }
        return rewriteEntity(context, scope, caller, flow, published, { references })
      })
      onFlowDue()
      return receipt
    },

    async enable(caller, id, ifMatch) {
      const receipt = await turn(caller, id, 'enable', ifMatch)
      onFlowDue()
      return receipt
    },

    disable(caller, id, ifMatch) {
      return turn(caller, id, 'disable', ifMatch)
    },
  }
}

/** What a flow joins, as one text to compare. */
function joins({ sourceConnectionIds, targetConnectionIds }: Partial<Flow>): string {
  return JSON.stringify([sourceConnectionIds, targetConnectionIds])
}

/** Fields of a flow that no client writes. */
function kept({ state, runs, lastRunDetails }: Flow): JsonObject {
  return { state, runs, ...(lastRunDetails === undefined ? {} : { lastRunDetails }) }
}

function shown(operations: readonly PatchOperation[]): JsonObject[] {
  return operations.map((operation) => ({ ...operation }))
}

function refuseMember(body: JsonObject, name: string, code: '1410-400' | '1368-400', advice: string): void {
  if (!Object.hasOwn(body, name)) return
  const message = `/${name} may not be in the body of a flow: ${advice}.`
  throw new FlowServiceError(code, message, { faults: [{ path: `/${name}`, message }] })
}
