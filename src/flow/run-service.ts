import type { Caller } from '../caller.ts'
import { FlowServiceError, notFound } from '../errors.ts'
import { isJsonObject, type JsonObject } from '../json.ts'
import type { StoredEntity, StoreScope } from '../store/store.ts'
import { Faults, parseBodyObject, readMember } from '../request-body.ts'
import type { FlowContext } from './context.ts'
import { checkpointForRetry, parseCheckpoint } from './engine/checkpoint.ts'
import { insertRun } from './engine/insert-run.ts'
import { runDocument } from './engine/run-document.ts'
import { parseUnixTime } from './engine/unix-time.ts'
import { checkIfMatch, createEtag, requireIfMatch } from './etag.ts'
import type { Flow, Run } from './types.ts'

export interface RunServiceOptions {
  /** Called after a run was made or set back to `scheduled`, so that it starts without delay. */
  readonly onRunnable: () => void
  readonly publicUrl: () => string
}

export interface RunService {
  /** `POST /runs`: a run of an enabled `once` flow. Stores nothing when anything is refused. */
  create(caller: Caller, body: unknown): Promise<Run>
  get(caller: Caller, id: string): Promise<StoredEntity<Run>>
  /** `PUT /runs/{id}` is for providers, and this host has none outside itself: always refused. */
  put(caller: Caller, id: string, ifMatch: string | undefined): Promise<never>
  /** `POST /runs/{id}/action?op=`: sets a failed run back to `scheduled`; it goes on where it stopped. */
  act(caller: Caller, id: string, operation: string | undefined, ifMatch: string | undefined): Promise<Run>
}

export function createRunService(context: FlowContext, { onRunnable, publicUrl }: RunServiceOptions): RunService {
  const { store, clock } = context

  return {
    async create(caller, body) {
      const request = parseRunRequest(parseBodyObject(body))
      const run = await store.transaction(async (scope) => {
        const flow = await findFlow(scope, caller, request.flowId)
        if (flow === null) {
          throw new FlowServiceError('1430-400', `There is no flow ${request.flowId}; name an existing one in flowId.`)
        }
        assertOnDemand(flow, request.params)
        const notBefore = parseUnixTime(request.params.startTime) ?? clock.now()
        return insertRun(scope, context, { flow, params: request.params, notBefore, by: caller })
      })
      onRunnable()
      return run
    },

    async get(caller, id) {
      const run = await store.entities.get(caller.tenant, 'runs', id)
      if (run === null) throw notFound('runs', id)
      return run as StoredEntity<Run>
    },

    async put(caller, id, ifMatch) {
      const run = await store.entities.get(caller.tenant, 'runs', id)
      if (run === null) throw notFound('runs', id)
      requireIfMatch(ifMatch, run.etag)
      throw new FlowServiceError('1427-400', 'Only the provider writes runs; use POST /runs and its actions.')
    },

    async act(caller, id, operation, ifMatch) {
      if (operation?.toUpperCase() !== 'RE_TRIGGER') {
        const found = operation === undefined ? '(none given)' : `"${operation.slice(0, 40)}"`
        throw new FlowServiceError('1398-400', `A run has no operation ${found}; use op=RE_TRIGGER.`)
      }
      const run = await store.transaction(async (scope) => {
        const stored = (await scope.entities.get(caller.tenant, 'runs', id)) as StoredEntity<Run> | null
        if (stored === null) throw notFound('runs', id)
        checkIfMatch(ifMatch, stored.etag)
        return retrigger(scope, caller, stored)
      })
      onRunnable()
      return run
    },
  }

  async function retrigger(scope: StoreScope, caller: Caller, run: StoredEntity<Run>): Promise<Run> {
    const state = await scope.runs.get(run.no)
    if (state === null || state.status !== 'failed') {
      throw new FlowServiceError(
        '1387-400',
        `Run ${run.id} is ${state?.status ?? 'unknown'}; only a failed run can be triggered again.`,
      )
    }
    const flow = await findFlow(scope, caller, run.document.flowId)
    if (flow === null) {
      throw new FlowServiceError('1388-400', `Flow ${run.document.flowId} of run ${run.id} was deleted.`)
    }
    assertEnabled(flow)
    const checkpoint = state.checkpoint === null ? null : checkpointForRetry(parseCheckpoint(state.checkpoint))
    const now = clock.now()
    const etag = createEtag(now, run.etag)
    const document: Run = {
      ...runDocument({
        run: { ...run.document, updatedBy: caller.userId, updatedClient: caller.clientId },
        flow: flow.document,
        status: 'scheduled',
        checkpoint,
        errors: [],
        now,
        publicUrl: publicUrl(),
      }),
      etag,
      eTag: etag,
    }
    if (checkpoint?.counts.failed === 0) await scope.records.forgetRefused(run.no)
    const saved = checkpoint === null ? null : JSON.stringify(checkpoint)
    await scope.runs.save({ ...state, status: 'scheduled', notBefore: now, checkpoint: saved })
    await scope.entities.update(run, { etag, document })
    return document
  }
}

async function findFlow(scope: StoreScope, caller: Caller, id: string): Promise<StoredEntity<Flow> | null> {
  return (await scope.entities.get(caller.tenant, 'flows', id)) as StoredEntity<Flow> | null
}

interface RunRequest {
  readonly flowId: string
  readonly params: JsonObject
}

function parseRunRequest(body: JsonObject): RunRequest {
  const faults = new Faults()
  const flowId = readMember(body, 'flowId')
  if (flowId === undefined || flowId === '') {
    faults.invalid('/flowId', 'flowId is empty; name the flow to run.', '1446-400')
  } else if (typeof flowId !== 'string') {
    faults.invalid('/flowId', 'flowId is not a string; give the id of a flow.')
  }
  const params = readMember(body, 'params') ?? {}
  if (isJsonObject(params)) checkTimes(faults, params)
  else faults.invalid('/params', 'params is not an object; leave it out or give an object.')
  faults.throwIfAny()
  return { flowId: flowId as string, params: params as JsonObject }
}

const TIME_PARAMS = ['startTime', 'windowStartTime', 'windowEndTime'] as const

function checkTimes(faults: Faults, params: JsonObject): void {
  for (const name of TIME_PARAMS) {
    if (Number.isNaN(parseUnixTime(params[name]))) {
      faults.invalid(
        `/params/${name}`,
        `params.${name} is ${JSON.stringify(params[name])}; give a Unix time in seconds, a whole number.`,
      )
    }
  }
  const start = parseUnixTime(params.windowStartTime)
  const end = parseUnixTime(params.windowEndTime)
  if (start !== undefined && end !== undefined && end < start) {
    faults.invalid(
      '/params/windowEndTime',
      `params.windowEndTime ${String(params.windowEndTime)} lies before params.windowStartTime ${String(params.windowStartTime)}; swap them.`,
      '1381-400',
    )
  }
}

function assertOnDemand(flow: StoredEntity<Flow>, params: JsonObject): void {
  const frequency = flow.document.scheduleParams?.frequency
  if (frequency !== undefined && frequency !== 'once') {
    throw new FlowServiceError(
      '1386-400',
      `Flow ${flow.id} runs by its schedule, frequency ${String(frequency)}; only a flow with frequency once can be run on demand.`,
    )
  }
  assertEnabled(flow)
  assertDeltaColumn(flow, params)
}

function assertEnabled(flow: StoredEntity<Flow>): void {
  if (flow.document.state === 'enabled') return
  throw new FlowServiceError('1388-400', `Flow ${flow.id} is ${flow.document.state}; enable it before running it.`)
}

/** A delta column is for table sources; here it may only repeat what a Copy transformation of the flow says. */
function assertDeltaColumn(flow: StoredEntity<Flow>, params: JsonObject): void {
  const asked = columnName(params.deltaColumn)
  if (asked === undefined) return
  for (const transformation of flow.document.transformations) {
    if (!isJsonObject(transformation) || !isJsonObject(transformation.params)) continue
    const own = columnName(transformation.params.deltaColumn)
    if (own !== undefined && own !== asked) {
      throw new FlowServiceError(
        '1382-400',
        `params.deltaColumn names ${asked}, the flow's Copy transformation ${own}; leave params.deltaColumn out.`,
      )
    }
  }
}

function columnName(deltaColumn: unknown): string | undefined {
  return isJsonObject(deltaColumn) && typeof deltaColumn.name === 'string' ? deltaColumn.name : undefined
}
