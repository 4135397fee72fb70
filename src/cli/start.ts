import path from 'node:path'
import { FIRST_CLIENT_FILE } from '../auth/bootstrap.ts'
import { loadConfig } from '../config.ts'
import type { BootstrapClient } from '../config.ts'
import { createHost } from '../host.ts'
import { createStripePlugin } from '../plugins/stripe/plugin.ts'
import { createLogger } from './logger.ts'

/** A stop that takes longer is cut off: what is not committed by then is done again after the next start. */
const STOP_LIMIT_MS = 9_000

/** Runs the host until SIGTERM or SIGINT. */
export async function start(env: NodeJS.ProcessEnv): Promise<void> {
  const config = loadConfig(env)
  const logger = createLogger(config.logLevel)
  process.on('uncaughtException', (err) => {
    logger.error({ err }, 'The process ends by an unexpected error')
    process.exit(1)
  })
  const plugins = [createStripePlugin({ apiBase: config.stripeApiBase })]
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
  if (host.firstClient) console.log(introduction(host.firstClient, host.publicUrl(), config.dataDir))
  await stop
}

/** Resolves after the first signal was handled. A second one ends the process at once. */
function onStopSignal(handle: (signal: NodeJS.Signals) => Promise<void>): Promise<void> {
  return new Promise((resolve, reject) => {
    let stopping = false
    const onSignal = (signal: NodeJS.Signals) => {
      if (stopping) process.exit(1)
      stopping = true
      setTimeout(() => process.exit(0), STOP_LIMIT_MS).unref()
      handle(signal).then(resolve, reject)
    }
    process.on('SIGTERM', onSignal).on('SIGINT', onSignal)
  })
}

/** What the very first start says: the client, and a command that proves that everything works. */
function introduction({ clientId, clientSecret, orgId }: BootstrapClient, url: string, dataDir: string): string {
  return `
The first API client was created (kept in ${path.join(dataDir, FIRST_CLIENT_FILE)}):

  client id      ${clientId}
  client secret  ${clientSecret}
  organisation   ${orgId}

Get a token and list the connections:

  TOKEN=$(curl -sS '${url}/ims/token/v3' \\
    --data-urlencode 'grant_type=client_credentials' \\
    --data-urlencode ${quoted(`client_id=${clientId}`)} \\
    --data-urlencode ${quoted(`client_secret=${clientSecret}`)} |
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
