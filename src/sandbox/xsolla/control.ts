import type { Answer } from '../stripe/answer.ts'
import { XsollaError } from './errors.ts'
import { NOTIFICATION_TYPES, type NotificationType } from './notifications.ts'
import type { NotifyOptions, XsollaState } from './sandbox.ts'
import type { XsollaRule } from './script.ts'
import type { UserTokenOptions } from './user-tokens.ts'
import type { WebhookTarget } from './webhook-sender.ts'
import type { XsollaAction } from './world.ts'

type Fields = Readonly<Record<string, unknown>>
type Control = (state: XsollaState, body: unknown, query: URLSearchParams) => unknown

/** `/_sandbox/…`: the same script as the handle offers, for a sandbox in another process. Not counted in the journal. */
const CONTROLS: Readonly<Record<string, Control>> = {
  'GET /_sandbox': (state) => ({
    ...{ seed: state.seed, merchantId: state.merchantId, now: state.clock.now() },
    ...{ subscriptions: state.world.rows.length, requests: state.journal.total },
  }),
  'GET /_sandbox/journal': ({ journal }, _, query) => ({
    total: journal.total,
    entries: journal.entries(query.get('path') ?? '/').slice(-Number(query.get('limit') ?? 1000)),
  }),
  'DELETE /_sandbox/journal': ({ journal }) => {
    journal.clear()
    return { total: 0 }
  },
  'POST /_sandbox/tokens': (state, body) => {
    const { userId, ...options } = fieldsOf(body)
    const user = userId === undefined ? undefined : String(userId)
    return { token: state.issueToken(user, options as UserTokenOptions) }
  },
  'POST /_sandbox/actions': (state, body) => ({
    subscriptions: listOf(body).flatMap((action) => state.apply(action as XsollaAction)),
  }),
  'GET /_sandbox/rules': ({ script }) => ({ rules: script.list() }),
  'POST /_sandbox/rules': ({ script }, body) => {
    script.add(...(listOf(body) as XsollaRule[]))
    return { rules: script.list() }
  },
  'DELETE /_sandbox/rules': ({ script }) => {
    script.clear()
    return { rules: [] }
  },
  'POST /_sandbox/clock': ({ clock }, body) => {
    const { set, advance, real } = fieldsOf(body)
    if (real === true) clock.followRealTime()
    if (set !== undefined) clock.set(secondsOf(set, 'set'))
    if (advance !== undefined) clock.advance(secondsOf(advance, 'advance'))
    return { now: clock.now(), frozen: clock.frozen }
  },
  'POST /_sandbox/webhooks': ({ webhooks }, body) => {
    webhooks.target = targetOf(fieldsOf(body))
    return { url: webhooks.target.url }
  },
  'GET /_sandbox/deliveries': ({ webhooks }) => ({ deliveries: webhooks.deliveries }),
  'POST /_sandbox/notifications': (state, body) => {
    const { type, ...options } = fieldsOf(body)
    if (!NOTIFICATION_TYPES.some((known) => known === type)) {
      throw new XsollaError(400, `type must be one of ${NOTIFICATION_TYPES.join(', ')}.`)
    }
    if (state.webhooks.target === null) throw new XsollaError(400, 'POST /_sandbox/webhooks {url, secret} first.')
    return state.notify(type as NotificationType, options as NotifyOptions)
  },
  'POST /_sandbox/reset': (state) => {
    state.reset()
    return { now: state.clock.now() }
  },
}

/** Answers a request under `/_sandbox`. */
export async function answerControl(state: XsollaState, method: string, url: URL, body: string): Promise<Answer> {
  try {
    const control = CONTROLS[`${method} ${url.pathname.replace(/\/$/, '')}`]
    if (control === undefined) throw new XsollaError(404, `There is no ${method} ${url.pathname}.`)
    const result = await control(state, parse(body), url.searchParams)
    return { status: 200, body: JSON.stringify(result), headers: {} }
  } catch (error) {
    const status = error instanceof XsollaError ? error.status : 500
    const message = error instanceof Error ? error.message : String(error)
    return { status, body: JSON.stringify({ error: message }), headers: {} }
  }
}

function parse(body: string): unknown {
  if (body === '') return undefined
  try {
    return JSON.parse(body)
  } catch {
    throw new XsollaError(400, 'The body must be JSON.')
  }
}

function fieldsOf(body: unknown): Fields {
  return typeof body === 'object' && body !== null ? (body as Fields) : {}
}

function listOf(body: unknown): readonly unknown[] {
  return Array.isArray(body) ? body : [body]
}

function secondsOf(value: unknown, name: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value)) return value
  throw new XsollaError(400, `${name} must be an integer number of seconds.`)
}

function targetOf({ url, secret, spacingMs }: Fields): WebhookTarget {
  if (typeof url !== 'string' || typeof secret !== 'string') throw new XsollaError(400, 'Give url and secret.')
  if (spacingMs === undefined) return { url, secret }
  const spacing = listOf(spacingMs)
  if (!spacing.every((ms) => typeof ms === 'number')) throw new XsollaError(400, 'spacingMs must be numbers.')
  return { url, secret, spacingMs: spacing as number[] }
}
