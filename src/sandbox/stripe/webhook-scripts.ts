import { StripeError } from './errors.ts'
import { matchesType } from './events.ts'

/** What happens to an attempt to deliver an event. */
export type WebhookScript =
  /** Never sent, and never tried again: only `GET /v1/events` tells of it. */
  | { readonly kind: 'lost' }
  /** Sent only after so many later deliveries to the endpoint have ended (or `release`). @defaultValue 1 */
  | { readonly kind: 'late'; readonly events?: number }
  /** Sent so many milliseconds later. */
  | { readonly kind: 'delay'; readonly ms: number }
  /** Pauses after half of the body. */
  | { readonly kind: 'slow'; readonly ms: number }
  /** Sent so many times more, each signed anew. @defaultValue 1 */
  | { readonly kind: 'duplicate'; readonly copies?: number }
  /** Signed with a timestamp so far back; a negative number lies in the future. @defaultValue 600 */
  | { readonly kind: 'old-timestamp'; readonly seconds?: number }
  /** `livemode` is turned round after signing. */
  | { readonly kind: 'tampered' }
  /** Signed with a secret that the receiver does not know. */
  | { readonly kind: 'wrong-secret' }
  /** Sent without `Stripe-Signature`. */
  | { readonly kind: 'unsigned' }

/** After `after` matching attempts (default 0) the next `times` (default 1, null for ever) follow the script. */
export interface WebhookRule {
  readonly after?: number
  readonly times?: number | null
  readonly match?: WebhookMatch
  readonly script: WebhookScript
}

export interface WebhookMatch {
  /** A name, or a group such as `charge.*`. */
  readonly type?: string
  /** Id of an endpoint. */
  readonly endpoint?: string
  /** Counts from 1 for each delivery. */
  readonly attempt?: number
}

export interface ActiveWebhookRule extends WebhookRule {
  readonly id: string
  /** Matching attempts so far. */
  readonly seen: number
}

/** A script, worked out. */
export interface AttemptPlan {
  readonly kind: WebhookScript['kind'] | null
  readonly lost: boolean
  /** Later deliveries to wait for. */
  readonly behind: number
  readonly delayMs: number
  readonly stallMs: number
  readonly copies: number
  /** Seconds to take off the timestamp. */
  readonly backdated: number
  readonly tampered: boolean
  readonly signed: 'properly' | 'wrongly' | 'not'
}

const AS_USUAL: AttemptPlan = {
  kind: null,
  lost: false,
  behind: 0,
  delayMs: 0,
  stallMs: 0,
  copies: 0,
  backdated: 0,
  tampered: false,
  signed: 'properly',
}

type ScriptOf<K extends WebhookScript['kind']> = Extract<WebhookScript, { kind: K }>

const PLANS: { readonly [K in WebhookScript['kind']]: (script: ScriptOf<K>) => Partial<AttemptPlan> } = {
  lost: () => ({ lost: true }),
  late: ({ events = 1 }) => ({ behind: whole(events, 'events', 1) }),
  delay: ({ ms }) => ({ delayMs: whole(ms, 'ms') }),
  slow: ({ ms }) => ({ stallMs: whole(ms, 'ms') }),
  duplicate: ({ copies = 1 }) => ({ copies: whole(copies, 'copies', 1, 100) }),
  'old-timestamp': ({ seconds = 600 }) => ({ backdated: whole(seconds, 'seconds', -MAX_VALUE) }),
  tampered: () => ({ tampered: true }),
  'wrong-secret': () => ({ signed: 'wrongly' }),
  unsigned: () => ({ signed: 'not' }),
}

const MAX_VALUE = 1_000_000_000

interface RunningRule {
  readonly id: string
  readonly rule: WebhookRule
  readonly plan: AttemptPlan
  seen: number
}

/** The scripts of deliveries. Rules count independently; the first one that is due decides. */
export class WebhookScripts {
  readonly #rules: RunningRule[] = []
  #nextId = 1

  /** Adds a rule and returns its id; throws a 400 about one that makes no sense. */
  add(rule: WebhookRule): string {
    const plan = planOf(rule)
    const id = `script_${this.#nextId++}`
    this.#rules.push({ id, rule, plan, seen: 0 })
    return id
  }

  remove(id: string): boolean {
    const place = this.#rules.findIndex((running) => running.id === id)
    if (place >= 0) this.#rules.splice(place, 1)
    return place >= 0
  }

  clear(): void {
    this.#rules.length = 0
  }

  list(): readonly ActiveWebhookRule[] {
    return this.#rules.map(({ id, rule, seen }) => ({ ...rule, id, seen }))
  }

  /** Counts the attempt with every rule it matches, and tells what is to happen to it. */
  meet(attempt: Required<WebhookMatch>): AttemptPlan {
    let decided: AttemptPlan | undefined
    for (const running of this.#rules) {
      if (!matches(running.rule.match, attempt)) continue
      running.seen++
      const { after = 0, times = 1 } = running.rule
      if (running.seen > after && running.seen <= after + (times ?? Infinity)) decided ??= running.plan
    }
    return decided ?? AS_USUAL
  }
}

function matches(match: WebhookMatch | undefined, attempt: Required<WebhookMatch>): boolean {
  if (match?.type !== undefined && !matchesType(match.type, attempt.type)) return false
  if (match?.endpoint !== undefined && match.endpoint !== attempt.endpoint) return false
  return match?.attempt === undefined || match.attempt === attempt.attempt
}

function planOf(rule: WebhookRule): AttemptPlan {
  const { script, after = 0, times = 1 } = (rule ?? {}) as Partial<WebhookRule>
  const kind = script?.kind
  if (script === undefined || kind === undefined || !Object.hasOwn(PLANS, kind)) {
    throw new StripeError(400, `Unknown script kind: ${String(kind)}. Known are ${Object.keys(PLANS).join(', ')}.`)
  }
  whole(after, 'after')
  if (times !== null) whole(times, 'times', 1)
  // The table is indexed by the script's own kind, which the compiler cannot follow through a union.
  const make = PLANS[kind] as (script: WebhookScript) => Partial<AttemptPlan>
  return { ...AS_USUAL, ...make(script), kind }
}

function whole(value: unknown, name: string, least = 0, most = MAX_VALUE): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least && value <= most) return value
  throw new StripeError(400, `${name} must be an integer from ${least} to ${most}.`, { param: name })
}
