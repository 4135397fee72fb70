import type { JsonObject } from '../../src/json.ts'
import { DEFAULT_API_VERSION } from '../../src/plugins/stripe/client.ts'
import type { StripeSandbox, StripeSandboxOptions } from '../../src/sandbox/stripe/sandbox.ts'
import type { StripeObject } from '../../src/sandbox/stripe/types.ts'
import { systemClock, type Clock } from '../../src/clock.ts'
import { connectionBody, create, FLOW_SERVICE } from '../support/flow-host.ts'
import { pause, SANDBOX_KEY, startStripeHost, type StripeHost } from '../support/stripe-host.ts'
import { ACME, type TestApi, type TestHostOptions } from '../support/test-host.ts'

/** A set-up as the API answers it. */
export interface SetupAnswer {
  readonly id: string
  readonly state: string
  readonly redirectUrl?: string
  readonly customer: { readonly id?: string; readonly email?: string }
  readonly price: { readonly id?: string }
  readonly setupIntentId?: string
  readonly subscriptionId?: string
  readonly paymentIntentId?: string
  readonly error?: { readonly code: string; readonly message: string }
  readonly retrying?: { readonly tries: number; readonly message: string }
}

/** What a customer does on the page to which the redirect URL leads. */
export type Decision = 'approve' | 'refuse'

export const DEVICE = {
  paymentMethod: 'kakao_pay',
  returnUrl: 'https://shop.example/kakao/return?order=7',
  ipAddress: '203.0.113.7',
  userAgent: 'Mozilla/5.0 (set-up test)',
}
export const PRICE = { amount: 9900, currency: 'krw', interval: 'month', productName: 'Reading club' }

/** A set-up that makes its own customer and price. */
export const setupBody = (changes: JsonObject = {}): JsonObject => ({
  customer: { email: 'kim@example.com', name: 'Kim Minji' },
  price: PRICE,
  ...DEVICE,
  ...changes,
})

export interface SetupHost extends StripeHost {
  /** Of the connection to the sandbox Stripe. */
  readonly connectionId: string
  /** Lets time go by, for the host and for Stripe. */
  pass(seconds: number): void
  /** Speaks for ACME with a token of its own: one that was issued before the clock was moved may have expired. */
  fresh(): Promise<TestApi>
  begin(body?: JsonObject): Promise<SetupAnswer>
  read(id: string): Promise<SetupAnswer>
  /** Reads until the set-up fits. */
  until(id: string, fits: (setup: SetupAnswer) => boolean): Promise<SetupAnswer>
  /** Reads until it waits for nothing any more. */
  untilEnded(id: string): Promise<SetupAnswer>
}

/** A host with a connection to a sandbox Stripe that holds little. Call `stop` when done. */
export async function startSetupHost(
  sandboxOptions: StripeSandboxOptions = {},
  hostOptions: TestHostOptions = {},
  accessToken: string = SANDBOX_KEY,
): Promise<SetupHost> {
  let offset = 0
  const clock: Clock = { now: () => Date.now() + offset, sleep: systemClock.sleep }
  const counts = { charges: 10, customers: 5, subscriptions: 5, prices: 60 }
  const host = await startStripeHost({ counts, ...sandboxOptions }, { clock, ...hostOptions })
  const connectionId = await create(host.api, 'connections', connectionBody(accessToken))
  const path = `${FLOW_SERVICE}/connections/${connectionId}/subscriptionSetups`
  const fresh = () => host.as(ACME)
  const read = async (id: string) => (await (await fresh()).get(`${path}/${id}`).expect(200)).body as SetupAnswer
  const until = async (id: string, fits: (setup: SetupAnswer) => boolean) => {
    for (;;) {
      const setup = await read(id)
      if (fits(setup)) return setup
      await pause(50)
    }
  }
  return {
    ...host,
    connectionId,
    pass(seconds) {
      offset += seconds * 1000
      host.sandbox.clock.advance(seconds)
    },
    fresh,
    begin: async (body = setupBody()) => (await (await fresh()).post(path, body).expect(201)).body as SetupAnswer,
    read,
    until,
    untilEnded: (id) => until(id, ({ state }) => state !== 'processing' && state !== 'requires_action'),
  }
}

export function urlOf({ redirectUrl, state }: SetupAnswer): string {
  if (redirectUrl === undefined) throw new Error(`There is no redirect URL, the state is ${state}.`)
  return redirectUrl
}

/** The subscriptions that a set-up has made, by its metadata. */
export function subscriptionsOf(sandbox: StripeSandbox, setupId: string): StripeObject[] {
  return [...sandbox.world.all('subscriptions')].filter(
    ({ metadata }) => (metadata as JsonObject | null)?.subscription_setup === setupId,
  )
}

/** The writes that Stripe was sent, `POST /v1/customers`. */
export function writesOf(sandbox: StripeSandbox): string[] {
  return sandbox.journal
    .entries({})
    .filter(({ method }) => method !== 'GET')
    .map(({ method, path }) => `${method} ${path}`)
}

/** Writes to Stripe as the merchant's own systems would. */
export async function writeStripe(
  { url }: StripeSandbox,
  path: string,
  parameters: Readonly<Record<string, string>>,
): Promise<StripeObject> {
  const headers = { Authorization: `Bearer ${SANDBOX_KEY}`, 'Stripe-Version': DEFAULT_API_VERSION }
  const response = await fetch(url + path, { method: 'POST', headers, body: new URLSearchParams(parameters) })
  const answer = (await response.json()) as StripeObject
  if (!response.ok) throw new Error(`${path}: ${JSON.stringify(answer)}`)
  return answer
}

/** A recurring price in won, made by the merchant. */
export async function makePrice(
  sandbox: StripeSandbox,
  changes: Readonly<Record<string, string>> = {},
): Promise<string> {
  const parameters = { currency: 'krw', unit_amount: '100000', 'recurring[interval]': 'month', ...changes }
  return (await writeStripe(sandbox, '/v1/prices', { 'product_data[name]': 'Film club', ...parameters })).id
}
