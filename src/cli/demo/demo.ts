import { randomBytes } from 'node:crypto'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { styleText } from 'node:util'
import axios from 'axios'
import { ConfigError, loadConfig } from '../../config.ts'
import { createHost, type Host } from '../../host.ts'
import { createStripeSandbox } from '../../sandbox/stripe/sandbox.ts'
import { createLogger } from '../logger.ts'
import { stripePluginOf } from '../stripe-plugin.ts'
import type { DemoOptions } from './command.ts'
import type { DemoScenario, DemoSurroundings } from './scenario.ts'
import { SCENARIOS } from './scenarios.ts'
import { createTranscript, DemoError, type Credentials } from './transcript.ts'

const ACCESS_TOKEN = 'sk_test_sandbox'
const CLIENT_ID = 'demo'
const ORG_ID = 'DEMO@AdobeOrg'

/** Slow enough for the progress bar to be seen, ms an answer. */
const LATENCY_MS = 60

/** Resolves to true when everything was as promised. Everything it made is removed at the end. */
export async function demo({ scenario: name, once, charges, port }: DemoOptions): Promise<boolean> {
  const dataDir = await mkdtemp(join(tmpdir(), 'stripe-flow-source-demo-'))
  const sandbox = await createStripeSandbox({ counts: { charges }, latencyMs: LATENCY_MS })
  const interrupted = new Promise<void>((resolve) => {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => resolve())
  })
  let host: Host | undefined
  let surroundings: DemoSurroundings | undefined
  try {
    const scenario: DemoScenario = await SCENARIOS[name].load()
    surroundings = await scenario.open?.()
    const started = await startHost(
      { STRIPE_API_BASE: sandbox.url, DATA_DIR: dataDir, ...surroundings?.settings },
      port,
    )
    host = started.host
    const { url, clientSecret } = started
    console.log(`Host            ${url}\nSandbox Stripe  ${sandbox.url}, ${charges} charges`)
    const credentials = await signIn(url, clientSecret)
    const transcript = createTranscript(url, credentials)
    const stage = { transcript, hostUrl: url, stripe: sandbox, accessToken: ACCESS_TOKEN, chargeCount: charges }
    const walked = scenario.walk(stage)
    const finished = await Promise.race([walked.then(() => true), interrupted.then(() => false)])
    if (!finished) return false
    console.log(styleText('bold', '\nEverything is as promised.'))
    if (!once) {
      console.log(`The host stays up at ${url}; Ctrl-C ends it and removes its data.`)
      await interrupted
    }
    return true
  } catch (error) {
    if (!(error instanceof DemoError) && !(error instanceof ConfigError)) throw error
    console.error(`\nThe demo found a difference: ${error.message}`)
    return false
  } finally {
    await host?.stop()
    await Promise.all([sandbox.close(), surroundings?.close()])
    await rm(dataDir, { recursive: true, force: true })
  }
}

async function startHost(settings: Readonly<Record<string, string>>, port: number) {
  const clientSecret = randomBytes(24).toString('base64url')
  const start = async (wanted: number) => {
    const config = loadConfig({
      ...settings,
      PORT: String(wanted),
      // The demo's own Stripe has no limits to respect.
      STRIPE_RATE_GLOBAL: '1000',
      STRIPE_RATE_ENDPOINT: '1000',
      BOOTSTRAP_CLIENT_ID: CLIENT_ID,
      BOOTSTRAP_CLIENT_SECRET: clientSecret,
      BOOTSTRAP_ORG_ID: ORG_ID,
      LOG_LEVEL: 'warn',
    })
    const plugins = [stripePluginOf(config)]
    const host = await createHost({ config, plugins, logger: createLogger(config.logLevel) })
    try {
      return { host, clientSecret, url: (await host.start()).url }
    } catch (error) {
      await host.stop()
      throw error
    }
  }
  try {
    return await start(port)
  } catch (error) {
    if (!(error instanceof ConfigError) || port === 0) throw error
    console.log(`Port ${port} cannot be used, taking a free one.`)
    return start(0)
  }
}

/** Gets a token, and prints how, so that every later command can be pasted. */
async function signIn(url: string, clientSecret: string): Promise<Credentials> {
  const form = new URLSearchParams({
    grant_type: 'client_credentials',
    client_id: CLIENT_ID,
    client_secret: clientSecret,
  })
  const { data } = await axios.post<{ access_token: string }>(`${url}/ims/token/v3`, form)
  console.log(`
Paste this once, and every command below works in your shell:

CLIENT_ID=${CLIENT_ID} ORG_ID=${ORG_ID}
TOKEN=$(curl -sS '${url}/ims/token/v3' -d '${form.toString()}' |
  sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/')`)
  return { token: data.access_token, clientId: CLIENT_ID, orgId: ORG_ID }
}
