import type { Caller } from '../../caller.ts'
import { FlowServiceError, notFound } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { SetupRefusedError, SetupRequestError, type SetupFacts } from '../../plugins/subscription-setup.ts'
import type { StoredEntity, StoreScope } from '../../store/store.ts'
import type { NewSubscriptionSetup, StoredSubscriptionSetup } from '../../store/subscription-setups.ts'
import type { FlowContext } from '../context.ts'
import { findEntity } from '../entity.ts'
import { callSource } from '../explore/call-source.ts'
import { openSetupSource, setupsOf } from './open-setup-source.ts'
import { setupDocument } from './setup-document.ts'
import { newProgress, progressOf, type SetupOrder } from './setup-progress.ts'
import { parseSetupRequest } from './setup-request.ts'
import type { SetupWorker } from './setup-worker.ts'

/** Visible ASCII, as it stands in a header. */
const CLIENT_KEY = /^[\x21-\x7e]{1,255}$/

/** A caller that asks in a loop makes the source be asked no more often than this, ms. */
const SOONEST_LOOK_MS = 2_000

const ANSWER_WITHIN_MS = 20_000

export interface SetupServiceOptions {
  readonly worker: SetupWorker
  /** How long a create may wait for the redirect URL, ms. */
  readonly answerWithinMs?: number
}

/** Set-ups of subscriptions, as callers see them. Every call is scoped by tenant and connection. */
export interface SubscriptionSetupService {
  /**
   * Checks the request, stores the set-up and waits until the redirect URL is known, or the set-up has ended, or the
   * time for an answer is over.
   * @param clientKey - the same key with the same body answers the set-up that there is already
   */
  create(caller: Caller, connectionId: string, body: unknown, clientKey: string | undefined): Promise<SetupAnswer>
  /** Also makes the host look at the source soon, when the set-up waits. */
  get(caller: Caller, connectionId: string, id: string): Promise<JsonObject>
  /** Newest first. `next` continues after the page, null on the last one. */
  list(
    caller: Caller,
    connectionId: string,
    page: { readonly beforeNo: number | null; readonly limit: number },
  ): Promise<{ readonly items: readonly JsonObject[]; readonly next: number | null }>
}

export type SetupAnswer = JsonObject & { readonly id: string }

export function createSetupService(
  context: FlowContext,
  { worker, answerWithinMs = ANSWER_WITHIN_MS }: SetupServiceOptions,
): SubscriptionSetupService {
  const { store, clock, newId } = context

  return {
    async create(caller, connectionId, body, clientKey) {
      checkClientKey(clientKey)
      const connection = await findEntity(store, caller.tenant, 'connections', connectionId)
      const order = parseSetupRequest(body, setupsOf(context, connection))
      const known = await knownSetup(store, connection, order, clientKey)
      const no = known?.no ?? (await begin(connection, order, clientKey))
      worker.wake()
      const settled = await worker.untilSettled(no, answerWithinMs)
      if (settled === null) throw notFound('subscriptionSetups', String(known?.id))
      return setupDocument(settled)
    },

    async get(caller, connectionId, id) {
      await findEntity(store, caller.tenant, 'connections', connectionId)
      const setup = await store.setups.get(caller.tenant, connectionId, id)
      if (setup === null) throw notFound('subscriptionSetups', id)
      await lookSoon(setup)
      return setupDocument(setup)
    },

    async list(caller, connectionId, { beforeNo, limit }) {
      await findEntity(store, caller.tenant, 'connections', connectionId)
      const found = await store.setups.list(caller.tenant, connectionId, { beforeNo, limit: limit + 1 })
      const page = found.slice(0, limit)
      const last = found.length > limit ? page.at(-1) : undefined
      return { items: page.map(setupDocument), next: last?.no ?? null }
    },
  }

  async function begin(connection: StoredEntity, order: SetupOrder, clientKey: string | undefined): Promise<number> {
    const setupId = newId()
    const { apiVersion, request } = order
    const source = openSetupSource(context, connection, { setupId, apiVersion })
    const facts = await callSource(clock, (signal) => source.prepare(request, signal)).catch(refuse)
    const setup = newSetup(connection, order, { id: setupId, clientKey, facts, now: clock.now() })
    return store.transaction(async (scope) => {
      // The same key may have come twice at once.
      const known = await knownSetup(scope, connection, order, clientKey)
      return known?.no ?? scope.setups.insert(setup)
    })
  }

  /** The customer may just be back: whoever asks should not have to wait for the end of a long pause. */
  async function lookSoon({ no, dueAt, ...setup }: StoredSubscriptionSetup): Promise<void> {
    const now = clock.now()
    const { lookedAt, trouble } = progressOf(setup)
    if (dueAt === null || dueAt <= now || trouble !== null) return
    if (lookedAt !== null && now - lookedAt >= SOONEST_LOOK_MS) await worker.hasten(no)
  }
}

/** The set-up that was made under the caller's key; 1312-400 when it asks for something else. */
async function knownSetup(
  { setups }: Pick<StoreScope, 'setups'>,
  connection: StoredEntity,
  order: SetupOrder,
  clientKey: string | undefined,
): Promise<StoredSubscriptionSetup | null> {
  if (clientKey === undefined) return null
  const known = await setups.getByClientKey(connection, connection.id, clientKey)
  if (known === null || known.request === JSON.stringify(order)) return known
  throw new FlowServiceError(
    '1312-400',
    `The Idempotency-Key stands for set-up ${known.id}, which was asked for with another body; give a new key.`,
  )
}

function newSetup(
  connection: StoredEntity,
  order: SetupOrder,
  made: {
    readonly id: string
    readonly clientKey: string | undefined
    readonly facts: SetupFacts
    readonly now: number
  },
): NewSubscriptionSetup {
  const { id, clientKey = null, facts, now } = made
  return {
    id,
    orgId: connection.orgId,
    sandboxName: connection.sandboxName,
    connectionId: connection.id,
    clientKey,
    state: 'processing',
    request: JSON.stringify(order),
    progress: JSON.stringify(newProgress(facts)),
    dueAt: now,
    createdAt: now,
    updatedAt: now,
  }
}

function checkClientKey(clientKey: string | undefined): void {
  if (clientKey === undefined || CLIENT_KEY.test(clientKey)) return
  throw new FlowServiceError(
    '1452-400',
    'The Idempotency-Key header is not 1 to 255 visible ASCII characters; give a random one.',
  )
}

function refuse(error: unknown): never {
  if (error instanceof SetupRefusedError) {
    throw new FlowServiceError('1100-400', `The call to the flow provider was refused: ${error.message}`)
  }
  if (!(error instanceof SetupRequestError)) throw error
  const { path, message } = error
  throw new FlowServiceError('1312-400', message, { faults: [{ path, message }] })
}
