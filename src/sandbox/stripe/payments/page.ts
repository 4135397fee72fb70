import type { IncomingMessage, ServerResponse } from 'node:http'
import { NO_REQUEST } from '../events.ts'
import { StripeError } from '../errors.ts'
import type { SandboxState } from '../sandbox.ts'
import type { StripeObject } from '../types.ts'
import type { World } from '../world.ts'
import { expireIncomplete } from './expiry.ts'
import { isWaiting, PAGE_PATH } from './intents.ts'
import { abandonedPage, decisionPage, overPage } from './page-html.ts'
import type { Attempt } from './payment-objects.ts'
import type { Decision } from './redirects.ts'
import { decide, DECISIONS, returnLocation } from './redirects.ts'

/** One answer of the page: HTML, or the way back. */
interface Page {
  readonly status: number
  readonly html: string
  readonly location?: string
}

const MAX_BODY_BYTES = 10_000

/** Whether a request is for the page that plays the payment method rather than for the API. */
export function isPageRequest(url: string | undefined): boolean {
  return url?.startsWith(PAGE_PATH) === true
}

/**
 * Plays Kakao Pay: `GET /authorize/<account>/<nonce>` shows the page, `POST …/<approve|refuse|abandon>` decides. Needs no
 * key, as the URL is known to the customer only; not counted in the journal.
 */
export async function handlePage(
  state: SandboxState,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<void> {
  const body = await readForm(request)
  const { status, html, location } = body
    ? pageOf(state, request.method ?? 'GET', request.url ?? '', body)
    : { status: 413, html: overPage('That was too much.') }
  response.writeHead(status, {
    'Content-Type': 'text/html; charset=utf-8',
    'Content-Length': Buffer.byteLength(html),
    'Cache-Control': 'no-store',
    'Content-Security-Policy': "default-src 'none'; style-src 'unsafe-inline'",
    'Referrer-Policy': 'no-referrer',
    ...(location === undefined ? {} : { Location: location }),
  })
  response.end(html)
}

function pageOf(state: SandboxState, method: string, url: string, body: URLSearchParams): Page {
  const [account = '', nonce = '', verb, ...rest] = (url.split('?')[0] ?? '').slice(PAGE_PATH.length).split('/')
  const found = account === state.accountId && rest.length === 0 ? findAttempt(state, nonce) : undefined
  if (!found) return { status: 404, html: overPage('This page does not exist.') }
  const { world, attempt } = found
  expireIncomplete(world)
  if (method === 'GET' && verb === undefined) return shown(world, attempt)
  const decision = DECISIONS.find((known) => known === verb)
  if (method !== 'POST' || !decision) return { status: 404, html: overPage('This page does not exist.') }
  return decided(world, attempt, decision, body.get('code') ?? undefined)
}

function findAttempt(state: SandboxState, nonce: string): { world: World; attempt: Attempt } | undefined {
  for (const world of Object.values(state.worlds)) {
    const attempt = world.payments.attempt(nonce)
    if (attempt) return { world, attempt }
  }
  return undefined
}

function shown(world: World, attempt: Attempt): Page {
  if (!isWaiting(world, attempt)) return { status: 410, html: overPage(OVER) }
  return { status: 200, html: decisionPage(attempt, intentOf(world, attempt)) }
}

function decided(world: World, attempt: Attempt, decision: Decision, code: string | undefined): Page {
  if (!isWaiting(world, attempt)) return again(world, attempt, decision)
  if (decision === 'abandon') return { status: 200, html: abandonedPage() }
  try {
    const intent = decide({ world, cause: NO_REQUEST }, attempt, decision, code)
    return { status: 303, html: '', location: returnLocation(attempt, intent) }
  } catch (error) {
    if (error instanceof StripeError) return { status: error.status, html: overPage(error.message) }
    throw error
  }
}

/** A second click on a button: an approval that stands leads back once more, anything else is over. */
function again(world: World, attempt: Attempt, decision: Decision): Page {
  const intent = intentOf(world, attempt)
  const stands = intent.status === 'succeeded' && intent.payment_method === attempt.paymentMethod
  if (decision === 'approve' && stands) return { status: 303, html: '', location: returnLocation(attempt, intent) }
  return { status: 410, html: overPage(OVER) }
}

function intentOf(world: World, attempt: Attempt): StripeObject {
  return world.payments.find(attempt.name, attempt.intent) as StripeObject
}

const OVER = 'This request is over. It was decided, canceled, or taken over by a newer one.'

/** The form of the request; undefined when it is larger than any of the page's own. */
async function readForm(request: IncomingMessage): Promise<URLSearchParams | undefined> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    if (size <= MAX_BODY_BYTES) chunks.push(chunk)
  }
  return size > MAX_BODY_BYTES ? undefined : new URLSearchParams(Buffer.concat(chunks).toString('utf8'))
}
