import path from 'node:path'
import { FIRST_CLIENT_FILE } from '../auth/bootstrap.ts'
import { loadConfig } from '../config.ts'
import type { BootstrapClient, Config } from '../config.ts'
import { createHost } from '../host.ts'
import { createLogger } from './logger.ts'
import { stripePluginOf } from './stripe-plugin.ts'

/** A stop that takes longer is cut off: what is not committed by then is done again after the next start. */
const STOP_LIMIT_MS = 9_000

/** Runs the host until SIGTERM or SIGINT. */
export async function start(env: NodeJS.ProcessEnv): Promise<void> {
  // What this process writes, the store above all, is for its owner only.
  process.umask(0o077)
  const config = loadConfig(env)
  const logger = createLogger(config.logLevel)
  process.on('uncaughtException', (err) => {
    logger.error({ err }, 'The process ends by an unexpected error')
    process.exit(1)
  })
  const plugins = [stripePluginOf(config)]
  const host = await createHost({ config, plugins, logger })
  const { url } = await host.start().catch(async (error: unknown) => {
    await host.stop()
    throw error
  })

  const stop = onStopSignal(async (signal) => {
    logger.info({ signal }, 'Stopping')
    await host.stop()
    logger.info({}, 'Stopped')
  })
  console.log(`Listening on ${url}`)
  if (host.firstClient) console.log(introduction(host.firstClient, host.publicUrl(), config))
  await stop
}

/** A signal that comes so soon after the first is the same one: a terminal signals npm and its child, and npm passes it on. */
const SAME_SIGNAL_MS = 300

/** Resolves after the first signal was handled. A second one ends the process at once. */
function onStopSignal(handle: (signal: NodeJS.Signals) => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let firstAt: number | undefined
    const onSignal = (signal: NodeJS.Signals) => {
      if (firstAt !== undefined) {
        if (performance.now() - firstAt > SAME_SIGNAL_MS) process.exit(1)
        return
      }
      firstAt = performance.now()
      setTimeout(() => process.exit(0), STOP_LIMIT_MS).unref()
      handle(signal).then(resolve, reject)
    }
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
  })
}

/**
 * What the very first start says: the client, and a command that proves that everything works. A secret that came with
 * the settings is known to the operator and not repeated.
 */
function introduction(client: BootstrapClient, url: string, config: Config): string {
  const { clientId, clientSecret, orgId } = client
  const isGiven = config.bootstrapClientSecret !== undefined
  const where = isGiven ? '' : ` (kept in ${path.join(config.dataDir, FIRST_CLIENT_FILE)})`
  return `
The first API client was created${where}:

  client id      ${clientId}
  client secret  ${isGiven ? 'as set in BOOTSTRAP_CLIENT_SECRET' : clientSecret}
  organisation   ${orgId}

Get a token and list the connections:

  TOKEN=$(curl -sS '${url}/ims/token/v3' \\
    --data-urlencode 'grant_type=client_credentials' \\
    --data-urlencode ${quoted(`client_id=${clientId}`)} \\
    --data-urlencode ${isGiven ? '"client_secret=$BOOTSTRAP_CLIENT_SECRET"' : quoted(`client_secret=${clientSecret}`)} |
    sed 's/.*"access_token":"\\([^"]*\\)".*/\\1/') &&
  curl -sS '${url}/data/foundation/flowservice/connections' \\
    -H "Authorization: Bearer $TOKEN" \\
    -H ${quoted(`x-api-key: ${clientId}`)} \\
    -H ${quoted(`x-gw-ims-org-id: ${orgId}`)}
`
}

/** One word for a POSIX shell. */
function quoted(text: string): string {
  return `'${text.replaceAll("'", "'\\''")}'`
}
