import { Command, InvalidArgumentError, Option } from 'commander'
import type {
  Algorithm,
  Counts,
  Distribution,
  FaultRule,
  FirstInvoice,
  Limits,
  StripeSandboxOptions,
} from '../sandbox/index.ts'
import { ALGORITHMS, createStripeSandbox, DEFAULT_KEYS, DISTRIBUTIONS, FIRST_INVOICE } from '../sandbox/index.ts'
import { xsollaSandboxCommand } from './xsolla-sandbox.ts'

interface Flags {
  readonly host: string
  readonly port: number
  readonly seed: string
  readonly charges?: number
  readonly subscriptions?: number
  readonly refunds?: number
  readonly balanceTransactions?: number
  readonly customers?: number
  readonly prices?: number
  readonly from?: number
  readonly to?: number
  readonly now?: number
  readonly distribution: Distribution
  readonly objectBytes: number
  readonly latency: number
  readonly latencyTail: number
  readonly latencyTailPercent: number
  readonly rateGlobal?: number
  readonly rateEndpoint?: number
  readonly rateSearch?: number
  readonly concurrency?: number
  readonly concurrencyEndpoint?: number
  readonly limiter: Algorithm
  readonly limiterShouldRetry?: boolean
  readonly limiterRetryAfter?: number
  readonly eventLag: number
  readonly objectLag: number
  readonly searchLag: number
  readonly searchShows: 'current' | 'indexed'
  readonly india?: boolean
  readonly eventRepeatPercent: number
  readonly deletedPrice: string
  readonly missingCursor: string
  readonly firstInvoice: FirstInvoice
  readonly kakaoPay: boolean
  readonly country: string
  readonly journal: number
  readonly fault: readonly FaultRule[]
  readonly webhook: readonly string[]
  readonly accountVersion?: string
  readonly key: readonly string[]
}

function integer(text: string): number {
  if (!/^\d{1,15}$/.test(text)) throw new InvalidArgumentError('It must be a whole number.')
  return Number(text)
}

function yesOrNo(text: string): boolean {
  if (text !== 'true' && text !== 'false') throw new InvalidArgumentError('It must be true or false.')
  return text === 'true'
}

/** One fault rule or a list of them, as JSON. */
function faultRules(text: string, rules: readonly FaultRule[]): readonly FaultRule[] {
  try {
    return [...rules, ...([JSON.parse(text)].flat() as FaultRule[])]
  } catch {
    throw new InvalidArgumentError('It must be JSON.')
  }
}

/** Unix seconds, or a date such as 2026-01-31. */
function moment(text: string): number {
  const seconds = /^\d+$/.test(text) ? Number(text) : Math.floor(Date.parse(text) / 1000)
  if (!Number.isSafeInteger(seconds)) throw new InvalidArgumentError('It must be Unix seconds or a date (2026-01-31).')
  return seconds
}

function given<T extends object>(values: T): { [K in keyof T]?: Exclude<T[K], undefined> } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as ReturnType<
    typeof given<T>
  >
}

function optionsOf(flags: Flags): StripeSandboxOptions {
  const counts: Partial<Counts> = given({
    charges: flags.charges,
    subscriptions: flags.subscriptions,
    refunds: flags.refunds,
    balance_transactions: flags.balanceTransactions,
    customers: flags.customers,
    prices: flags.prices,
  })
  const limits: Limits = given({
    globalPerSecond: flags.rateGlobal,
    endpointPerSecond: flags.rateEndpoint,
    searchPerSecond: flags.rateSearch,
    globalConcurrency: flags.concurrency,
    endpointConcurrency: flags.concurrencyEndpoint,
    algorithm: flags.limiter,
    shouldRetry: flags.limiterShouldRetry,
    retryAfterSeconds: flags.limiterRetryAfter,
  })
  return {
    host: flags.host,
    port: flags.port,
    seed: flags.seed,
    counts,
    limits,
    distribution: flags.distribution,
    approxObjectBytes: flags.objectBytes,
    latencyMs: flags.latency,
    latencyTailMs: flags.latencyTail,
    latencyTailPercent: flags.latencyTailPercent,
    eventLagSeconds: flags.eventLag,
    objectLagSeconds: flags.objectLag,
    searchLagSeconds: flags.searchLag,
    searchShows: flags.searchShows,
    indiaAccount: flags.india === true,
    eventRepeatPercent: flags.eventRepeatPercent,
    deletedPriceStatus: flags.deletedPrice === '404' ? 404 : 200,
    missingCursorStatus: flags.missingCursor === '404' ? 404 : 400,
    firstInvoice: flags.firstInvoice,
    kakaoPayActivated: flags.kakaoPay,
    accountCountry: flags.country,
    journalCapacity: flags.journal,
    faults: flags.fault,
    webhookEndpoints: flags.webhook.map((url) => ({ url })),
    keys: [...DEFAULT_KEYS, ...flags.key.map((key) => ({ key }))],
    ...given({ createdFrom: flags.from, createdTo: flags.to, now: flags.now, accountApiVersion: flags.accountVersion }),
  }
}

async function run(flags: Flags, command: Command): Promise<void> {
  const sandbox = await createStripeSandbox(optionsOf(flags)).catch((error: NodeJS.ErrnoException) => {
    const taken = `port ${flags.port} is already in use; name another with --port, 0 picks a free one`
    return command.error(`error: ${error.code === 'EADDRINUSE' ? taken : error.message}`)
  })
  const counts = Object.entries(sandbox.world.collections)
    .filter(([, collection]) => collection.generatedCount > 0)
    .map(([name, collection]) => `${name} ${collection.generatedCount}`)
  console.log(`Stripe sandbox on ${sandbox.url}  (seed ${flags.seed}, account ${sandbox.accountId})`)
  console.log(`Objects: ${counts.join(', ')}`)
  console.log(
    `Keys:    ${sandbox.keys
      .all()
      .map(({ key }) => key)
      .join('  ')}`,
  )
  for (const { url, secrets } of sandbox.webhooks.endpoints()) {
    console.log(`Webhook: ${url}  ${secrets[0]?.value}`)
  }
  console.log(`Try:     curl -s -u sk_test_sandbox: '${sandbox.url}/v1/charges?limit=1'`)
  console.log(`Script:  curl -s ${sandbox.url}/_sandbox`)
  console.log('Stop with Ctrl-C.')
  const signal = await new Promise<string>((resolve) => {
    process.once('SIGINT', resolve)
    process.once('SIGTERM', resolve)
  })
  await sandbox.close()
  console.log(`Stopped by ${signal} after ${sandbox.journal.total} requests.`)
}

/** `sandbox`: a local Stripe that needs no account and misbehaves on demand. */
export function sandboxCommand(): Command {
  return new Command('sandbox')
    .enablePositionalOptions()
    .description('Start a local Stripe with generated data, faults on demand and a controllable clock.')
    .option('--host <address>', 'listen address', '127.0.0.1')
    .option('--port <port>', 'listen port, 0 picks a free one', integer, 12111)
    .option('--seed <seed>', 'same seed, same data', '1')
    .option('--charges <count>', 'charges per mode (default 1000); other counts follow from it', integer)
    .option('--subscriptions <count>', 'subscriptions', integer)
    .option('--refunds <count>', 'refunds', integer)
    .option('--balance-transactions <count>', 'balance transactions', integer)
    .option('--customers <count>', 'customers', integer)
    .option('--prices <count>', 'prices, hidden ones included', integer)
    .option('--from <moment>', 'first creation time, Unix seconds or a date (default two years before --to)', moment)
    .option('--to <moment>', 'end of the creation times (default the last UTC midnight)', moment)
    .option('--now <moment>', 'freeze the sandbox clock', moment)
    .addOption(new Option('--distribution <shape>', 'objects over time').choices(DISTRIBUTIONS).default('growing'))
    .option('--object-bytes <bytes>', 'pad charges to about this size, 0 leaves about 2 KB', integer, 0)
    .option('--latency <ms>', 'wait before every answer', integer, 0)
    .option('--latency-tail <ms>', 'additional wait of slow answers', integer, 0)
    .option('--latency-tail-percent <percent>', 'share of slow answers', integer, 1)
    .option('--rate-global <per-second>', 'limit of all requests (Stripe test mode: 25)', integer)
    .option('--rate-endpoint <per-second>', 'limit per operation (Stripe: 25)', integer)
    .option('--rate-search <per-second>', 'limit of all searches together (Stripe: 20)', integer)
    .option('--concurrency <requests>', 'limit of requests at the same time', integer)
    .option('--concurrency-endpoint <requests>', 'limit of requests at the same time per operation', integer)
    .addOption(
      new Option('--limiter <kind>', 'bucket: bursts of one second; window: strict sliding second')
        .choices(ALGORITHMS)
        .default('bucket'),
    )
    .option('--limiter-should-retry <boolean>', 'send Stripe-Should-Retry with refusals', yesOrNo)
    .option('--limiter-retry-after <seconds>', 'send Retry-After with refusals', integer)
    .option('--event-lag <seconds>', 'events become visible within this time', integer, 0)
    .option('--object-lag <seconds>', 'new objects show in lists within this time', integer, 0)
    .option('--search-lag <seconds>', 'search finds writes after this time', integer, 5)
    .addOption(
      new Option('--search-shows <state>', 'what search finds, as it is now or as the index holds it')
        .choices(['current', 'indexed'])
        .default('current'),
    )
    .option('--india', 'an account in India, which cannot search')
    .option('--event-repeat-percent <percent>', 'share of changes told by two events', integer, 0)
    .addOption(
      new Option('--deleted-price <status>', 'answer to the retrieval of one').choices(['200', '404']).default('200'),
    )
    .addOption(
      new Option('--missing-cursor <status>', 'status of resource_missing').choices(['400', '404']).default('400'),
    )
    .addOption(
      new Option('--first-invoice <outcome>', 'how the first invoice of a subscription fares off-session')
        .choices(FIRST_INVOICE)
        .default('paid'),
    )
    .option('--kakao-pay <boolean>', 'whether the account has switched Kakao Pay on', yesOrNo, true)
    .option('--country <code>', 'country of the account, two letters', 'US')
    .option('--fault <json>', 'a fault rule or a list of them (repeatable, see docs/sandbox.md)', faultRules, [])
    .option('--webhook <url>', 'send all events there (repeatable)', (url, urls: string[]) => [...urls, url], [])
    .option('--journal <requests>', 'requests that the journal remembers', integer, 10_000)
    .option('--account-version <version>', 'API version of requests that name none (default 2024-06-20)')
    .option('--key <key>', 'one more accepted key (repeatable)', (key, keys: string[]) => [...keys, key], [])
    .action((flags: Flags, command: Command) => run(flags, command))
    .addCommand(xsollaSandboxCommand())
}
