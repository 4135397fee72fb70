import axios from 'axios'
import { systemClock } from '../../clock.ts'
import { followRun } from './follow-run.ts'
import type { DemoScenario, DemoStage } from './scenario.ts'
import {
  CATALOG,
  createFlow,
  createSourceConnection,
  createStripeConnection,
  createTarget,
  FLOW,
  type Created,
  type Items,
} from './steps.ts'
import { DemoError, expectEqual, type Transcript } from './transcript.ts'

/** A step of the set-up that takes longer is a fault, ms. */
const LONGEST_STEP_MS = 60_000

interface Setup extends Created {
  readonly state: string
  readonly redirectUrl?: string
  readonly subscriptionId?: string
  readonly customer: { readonly id?: string }
  readonly error?: { readonly code: string; readonly message: string }
}

/** A subscription that is paid by Kakao Pay, from the first call to the record in the dataset. */
export const kakaoPayScenario: DemoScenario = { walk }

async function walk({ transcript, stripe, accessToken }: DemoStage): Promise<void> {
  const { heading, say, call } = transcript
  // The longer way: the first invoice needs an approval of its own.
  stripe.behaviour.firstInvoice = 'requires_confirmation'

  heading('1. Connect the Stripe account')
  const connectionId = await createStripeConnection(transcript, { accessToken })

  heading('2. Set up a subscription; customer and price are made on the way')
  const path = `${FLOW}/connections/${connectionId}/subscriptionSetups`
  const begun = await call<Setup>({
    method: 'POST',
    path,
    body: {
      customer: { email: 'kim@example.com', name: 'Kim Minji' },
      price: { amount: 9900, currency: 'krw', interval: 'month', productName: 'Reading club' },
      paymentMethod: 'kakao_pay',
      returnUrl: 'https://shop.example/kakao/return',
      ipAddress: '203.0.113.7',
      userAgent: 'Mozilla/5.0 (demo)',
    },
  })
  expectEqual('The state', begun.state, 'requires_action')

  heading('3. The customer is sent to the redirect URL and allows later charges')
  const mandatePage = urlOf(begun)
  await approve(transcript, mandatePage)
  say('\nThe host does not look at the browser. It asks Stripe, and then makes the subscription.')
  const second = await follow(
    transcript,
    `${path}/${begun.id}`,
    (setup) => (setup.redirectUrl ?? mandatePage) !== mandatePage,
  )

  heading('4. The first payment needs the customer once more: another redirect URL')
  say(`\nThe subscription ${second.subscriptionId} is incomplete until then.`)
  await approve(transcript, urlOf(second))
  await follow(transcript, `${path}/${begun.id}`, ({ state }) => state === 'active')
  const ended = await call<Setup>({ method: 'GET', path: `${path}/${begun.id}` })
  expectEqual('The state', ended.state, 'active')
  const made = Array.from(stripe.world.all('subscriptions')).filter(({ customer }) => customer === ended.customer.id)
  expectEqual('The subscriptions of the customer', made.map(({ id }) => id).join(), ended.subscriptionId)

  heading('5. A flow over subscriptions delivers the new one')
  await deliver(transcript, connectionId, ended, Array.from(stripe.world.all('subscriptions')).filter(isListed).length)
}

/** Plays the customer on the page of Kakao Pay, as a browser would. */
async function approve({ say }: Transcript, url: string): Promise<void> {
  const page = await axios.get<string>(url, { responseType: 'text' })
  if (!page.data.includes('Approve')) throw new DemoError('The page of Kakao Pay has no button to approve.')
  const { status, headers } = await axios.post(`${url}/approve`, '', { maxRedirects: 0, validateStatus: () => true })
  const back = String(headers.location ?? '')
  if (status < 300 || status > 399 || !URL.canParse(back)) throw new DemoError(`The page answered ${status}.`)
  const { origin, pathname, searchParams } = new URL(back)
  say(`\nOpen it in a browser:  ${url}\nThe script presses "Approve"; the browser comes back to ${origin}${pathname}`)
  say(`with redirect_status=${searchParams.get('redirect_status')}, which proves nothing.`)
}

/** Reads the set-up until it fits. Throws `DemoError` when it fails or takes too long. */
async function follow(transcript: Transcript, path: string, fits: (setup: Setup) => boolean): Promise<Setup> {
  for (const deadline = Date.now() + LONGEST_STEP_MS; Date.now() < deadline; await systemClock.sleep(200)) {
    const setup = await transcript.quietly<Setup>({ method: 'GET', path })
    if (fits(setup)) return setup
    if (setup.state === 'failed' || setup.state === 'expired') {
      throw new DemoError(`The set-up is ${setup.state}: ${JSON.stringify(setup.error ?? null)}`)
    }
  }
  throw new DemoError(`The set-up did not go on within ${LONGEST_STEP_MS / 1000} s.`)
}

async function deliver(
  transcript: Transcript,
  baseConnectionId: string,
  { subscriptionId }: Setup,
  total: number,
): Promise<void> {
  const params = { resourcePath: 'subscriptions' }
  const sourceId = await createSourceConnection(transcript, { name: 'Subscriptions', baseConnectionId, params })
  const { dataSetId, targetId } = await createTarget(transcript, 'Subscriptions')
  const flowId = await createFlow(transcript, { name: 'Subscriptions to dataset', sourceId, targetId })
  await followRun(transcript, flowId, 'subscriptions', total)
  let found = 0
  let path: string | undefined = `${CATALOG}/dataSets/${dataSetId}/records?limit=1000`
  while (path !== undefined) {
    const page: Items<Created> = await transcript.quietly({ method: 'GET', path })
    found += page.items.filter(({ id }) => id === subscriptionId).length
    path = page._links.next && `${CATALOG}${page._links.next.href}`
  }
  expectEqual('The records of the new subscription', found, 1)
  transcript.say(`\nThe dataset holds ${subscriptionId}, exactly once.`)
}

/** Lists leave out what is on a test clock. */
function isListed({ test_clock: clock }: Readonly<Record<string, unknown>>): boolean {
  return (clock ?? null) === null
}

function urlOf({ redirectUrl }: Setup): string {
  if (redirectUrl === undefined) throw new DemoError('The set-up tells no redirect URL.')
  return redirectUrl
}
