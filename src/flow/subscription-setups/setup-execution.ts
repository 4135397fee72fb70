import { notFound } from '../../errors.ts'
import { FatalSourceError, RetriableSourceError } from '../../plugins/plugin.ts'
import {
  SetupRefusedError,
  SpentCallError,
  type Setup,
  type SetupFacts,
  type SetupFault,
  type SetupMove,
  type SubscriptionSetupSource,
} from '../../plugins/subscription-setup.ts'
import type { SetupState, StoredSubscriptionSetup } from '../../store/subscription-setups.ts'
import type { FlowContext } from '../context.ts'
import type { StopSignals } from '../job-loop.ts'
import { openSetupSource } from './open-setup-source.ts'
import { readPauseMs, retryPauseMs } from './setup-pace.ts'
import {
  expiresAt,
  objectIdsOf,
  orderOf,
  progressOf,
  type KeptCall,
  type SetupOrder,
  type SetupProgress,
} from './setup-progress.ts'

/**
 * Stripe keeps a key for at least 24 hours. A call that was kept longer ago than this is not repeated: what it has brought
 * about is looked for.
 */
const KEY_LIFETIME_MS = 23 * 3_600_000

/** What ends a set-up when the source refuses the credential, which has no code there. */
const REFUSAL_CODES = {
  credential: 'credential_refused',
  permission: 'permission_missing',
  request: 'request_refused',
} as const

export interface SetupExecutionParts {
  readonly context: FlowContext
  readonly stored: StoredSubscriptionSetup
  readonly stop: StopSignals
  /** From 0 to 1, for the jitter of pauses. */
  readonly random: () => number
  /** Told after every write to the store. */
  readonly onSaved: () => void
}

/**
 * Works on one set-up until it has ended or must wait. Every call is stored, with its key and parameters, before it is
 * sent, and stays in hand until its answer is stored: whatever dies in between, the same call is sent again.
 */
export class SetupExecution {
  readonly #parts: SetupExecutionParts
  readonly #order: SetupOrder
  #state: SetupState
  #progress: SetupProgress
  #updatedAt: number
  /** The call in hand was kept in this execution and has not been sent. */
  #isUnsent = false
  /** The facts are as the source has told them just now. */
  #isCurrent = false
  #hasRead = false

  constructor(parts: SetupExecutionParts) {
    this.#parts = parts
    const { stored } = parts
    this.#order = orderOf(stored)
    this.#state = stored.state
    this.#progress = progressOf(stored)
    this.#updatedAt = stored.updatedAt
  }

  /** Rejects only when the store cannot be read or written. */
  async execute(): Promise<void> {
    try {
      await this.#advance(await this.#open())
    } catch (error) {
      // The call in hand stays in hand, and is sent again by the next life of the host.
      if (this.#parts.stop.immediate.aborted) return
      await this.#settle(error)
    }
  }

  async #open(): Promise<SubscriptionSetupSource> {
    const { context, stored } = this.#parts
    const connection = await context.store.entities.get(stored, 'connections', stored.connectionId)
    if (connection === null) {
      throw new SetupRefusedError('connection_missing', notFound('connections', stored.connectionId).message)
    }
    return openSetupSource(context, connection, { setupId: stored.id, apiVersion: this.#order.apiVersion })
  }

  async #advance(source: SubscriptionSetupSource): Promise<void> {
    const { gentle } = this.#parts.stop
    for (;;) {
      if (gentle.aborted) return this.#save(this.#state, {}, this.#now())
      const { call } = this.#progress
      if (call !== null) {
        await this.#send(source, call)
        continue
      }
      const move = source.next(this.#view())
      if (move.kind === 'call') await this.#keep(move)
      else if (move.kind === 'read' || move.kind === 'wait') {
        const mustRead = move.kind === 'read' || !this.#isCurrent
        if (!mustRead || this.#hasRead) return this.#wait(move.kind === 'wait' ? move.redirectUrl : null)
        await this.#read(source)
      } else return this.#end(move.kind, move.kind === 'failed' ? move.fault : null)
    }
  }

  /** Stores a call before anybody sends it. */
  async #keep({ step, path, parameters }: Extract<SetupMove, { kind: 'call' }>): Promise<void> {
    const { id } = this.#parts.stored
    const calls = this.#progress.calls + 1
    const idempotencyKey = `subscription-setup-${id}-${calls}-${step}`
    const call: KeptCall = { step, path, parameters, idempotencyKey, keptAt: this.#now() }
    await this.#save('processing', { call, calls, redirectUrl: null, waitingSince: null }, this.#now())
    this.#isUnsent = true
  }

  async #send(source: SubscriptionSetupSource, call: KeptCall): Promise<void> {
    const { immediate } = this.#parts.stop
    const isFirst = this.#isUnsent
    this.#isUnsent = false
    const isStale = this.#now() - call.keptAt >= KEY_LIFETIME_MS
    let facts: SetupFacts
    let { trouble } = this.#progress
    try {
      if (isStale) throw new SpentCallError(`The key of ${call.step} is too old to be used again.`)
      facts = await source.perform(call, this.#progress.facts, immediate)
      trouble = null
    } catch (error) {
      if (isFirst && error instanceof FatalSourceError && this.#isFinal(error)) throw refusedBy(error)
      if (!(error instanceof SpentCallError)) throw error
      facts = await source.find(call, this.#view(), immediate)
    }
    this.#learn(facts, { call: null, trouble })
    this.#hasRead = false
  }

  /**
   * Nothing was begun under the key of the call in hand. A permission that is missing stays so; a credential may be
   * replaced while a customer is busy.
   */
  #isFinal({ reason }: FatalSourceError): boolean {
    return reason !== 'credential' || this.#progress.facts.setupIntent === undefined
  }

  async #read(source: SubscriptionSetupSource): Promise<void> {
    this.#learn(await source.read(this.#progress.facts, this.#parts.stop.immediate), { trouble: null })
    this.#hasRead = true
  }

  #learn(facts: SetupFacts, change: Partial<SetupProgress>): void {
    this.#progress = { ...this.#progress, ...change, facts, lookedAt: this.#now() }
    this.#isCurrent = true
  }

  async #wait(redirectUrl: string | null): Promise<void> {
    const now = this.#now()
    const { redirectUrl: former, waitingSince: since } = this.#progress
    const waitingSince = since !== null && former === redirectUrl ? since : now
    const deadline = expiresAt(this.#parts.stored)
    const next = now + readPauseMs(now - waitingSince)
    const dueAt = now < deadline ? Math.min(next, deadline) : next
    const state = redirectUrl === null ? 'processing' : 'requires_action'
    await this.#save(state, { redirectUrl, waitingSince }, dueAt)
  }

  async #end(state: 'active' | 'failed' | 'expired', fault: SetupFault | null): Promise<void> {
    const ended = { call: null, redirectUrl: null, waitingSince: null, trouble: null, fault, endedAt: this.#now() }
    await this.#save(state, ended, null)
    const { context, stored } = this.#parts
    context.logger.info({ setupId: stored.id, state, code: fault?.code }, 'subscription set-up ended')
  }

  async #settle(error: unknown): Promise<void> {
    if (error instanceof SetupRefusedError) return this.#end('failed', faultOf(error))
    if (error instanceof FatalSourceError && this.#isOverdue()) return this.#end('failed', faultOf(refusedBy(error)))
    await this.#retryLater(error)
  }

  async #retryLater(error: unknown): Promise<void> {
    const { context, stored, random } = this.#parts
    const isForeseen = error instanceof RetriableSourceError || error instanceof FatalSourceError
    const tries = (this.#progress.trouble?.tries ?? 0) + 1
    const retryAfterMs = error instanceof RetriableSourceError ? error.retryAfterMs : undefined
    const waitMs = retryPauseMs(tries, random(), retryAfterMs)
    const message = isForeseen ? error.message : 'The host could not go on with it; its log tells why.'
    const line = { setupId: stored.id, tries, waitMs, ...(isForeseen ? { reason: message } : { err: error }) }
    context.logger[isForeseen ? 'warn' : 'error'](line, 'a step of a subscription set-up is tried again')
    await this.#save(this.#state, { trouble: { tries, message } }, this.#now() + waitMs)
  }

  async #save(state: SetupState, change: Partial<SetupProgress>, dueAt: number | null): Promise<void> {
    const { context, stored, onSaved } = this.#parts
    const progress = { ...this.#progress, ...change }
    if (state !== this.#state || progress.redirectUrl !== this.#progress.redirectUrl) this.#updatedAt = this.#now()
    const text = JSON.stringify(progress)
    const objectIds = objectIdsOf(progress.facts)
    await context.store.setups.save(stored.no, { state, progress: text, dueAt, updatedAt: this.#updatedAt, objectIds })
    this.#state = state
    this.#progress = progress
    onSaved()
  }

  #view(): Setup {
    const { id } = this.#parts.stored
    return { id, request: this.#order.request, facts: this.#progress.facts, isOverdue: this.#isOverdue() }
  }

  #isOverdue(): boolean {
    return this.#now() >= expiresAt(this.#parts.stored)
  }

  #now(): number {
    return this.#parts.context.clock.now()
  }
}

function refusedBy({ reason, message }: FatalSourceError): SetupRefusedError {
  return new SetupRefusedError(REFUSAL_CODES[reason], message)
}

function faultOf({ code, message }: SetupRefusedError): SetupFault {
  return { code, message }
}
