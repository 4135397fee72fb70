import { Command, InvalidArgumentError } from 'commander'
import { createXsollaSandbox, XSOLLA_API_KEY } from '../sandbox/index.ts'

interface Flags {
  readonly host: string
  readonly port: number
  readonly seed: string
  readonly subscriptions: number
  readonly latency: number
}

/** `sandbox xsolla`: a local Xsolla, user API, server API and webhooks. */
export function xsollaSandboxCommand(): Command {
  return new Command('xsolla')
    .description('Start a local Xsolla instead, for XSOLLA_API_BASE.')
    .option('--host <address>', 'listen address', '127.0.0.1')
    .option('--port <port>', 'listen port, 0 picks a free one', integer, 12112)
    .option('--seed <seed>', 'same seed, same data', '1')
    .option('--subscriptions <count>', 'subscriptions of the first user', integer, 40)
    .option('--latency <ms>', 'wait before every answer', integer, 0)
    .action((_: unknown, command: Command) => run(command.opts<Flags>(), command))
}

async function run(flags: Flags, command: Command): Promise<void> {
  const { latency: latencyMs, ...options } = flags
  const sandbox = await createXsollaSandbox({ ...options, latencyMs }).catch((error: NodeJS.ErrnoException) => {
    const taken = `port ${flags.port} is already in use; name another with --port, 0 picks a free one`
    return command.error(`error: ${error.code === 'EADDRINUSE' ? taken : error.message}`)
  })
  const [row] = sandbox.world.rows
  const list = `${sandbox.url}/api/user/v1/projects/${row?.projectId ?? 44_056}/subscriptions`
  console.log(`Xsolla sandbox on ${sandbox.url}  (seed ${flags.seed}, merchant ${sandbox.merchantId})`)
  console.log(`API key: ${XSOLLA_API_KEY}`)
  console.log(`Token:   ${sandbox.issueToken()}`)
  console.log(`Try:     curl -s -H 'Authorization: Bearer <token>' '${list}'`)
  console.log(`Script:  curl -s ${sandbox.url}/_sandbox`)
  console.log('Stop with Ctrl-C.')
  const signal = await new Promise<string>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  await sandbox.close()
  console.log(`Stopped by ${signal} after ${sandbox.journal.total} requests.`)
}

function integer(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}
