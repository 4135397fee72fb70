import { isIP } from 'node:net'
import {
  bootstrapClients,
  CLIENT_ID,
  CLIENT_ID_RULE,
  CLIENT_SECRET_RULE,
  fraction,
  hostList,
  httpUrl,
  integer,
  keyOf32Bytes,
  matching,
  oneOf,
  ORG_ID,
  ORG_ID_RULE,
  Refusal,
  type BootstrapClient,
} from './config-parsers.ts'

export { isOrgId, type BootstrapClient } from './config-parsers.ts'

/**
 * The settings of the host. They are environment variables, read here and nowhere else, checked whole at start. The
 * table is also what `start --help` prints.
 */

/** A setting cannot be used. The message is one line for the operator and holds no secret. */
export class ConfigError extends Error {
  constructor(message: string, options: { cause?: unknown } = {}) {
    super(message.replaceAll(/\s*\n\s*/g, ' '), { cause: options.cause })
    this.name = 'ConfigError'
  }
}

export const AUTH_MODES = ['strict', 'dev'] as const
export type AuthMode = (typeof AUTH_MODES)[number]

export const LOG_LEVELS = ['fatal', 'error', 'warn', 'info', 'debug', 'trace', 'silent'] as const
export type LogLevel = (typeof LOG_LEVELS)[number]

export interface Config {
  readonly host: string
  /** 0 picks a free port. */
  readonly port: number
  /** Without a trailing slash; undefined: made from the address that the host listens on. */
  readonly publicUrl: string | undefined
  readonly dataDir: string
  readonly databaseUrl: undefined
  /** 32 bytes; undefined: kept in `dataDir`, generated at first start. */
  readonly encryptionKey: Buffer | undefined
  /** Former keys, each 32 bytes: they still open what they sealed. */
  readonly encryptionKeysOld: readonly Buffer[]
  readonly authMode: AuthMode
  /** What is undefined is chosen at random when the first client is created. */
  readonly bootstrapClientId: string | undefined
  readonly bootstrapClientSecret: string | undefined
  readonly bootstrapOrgId: string | undefined
  readonly bootstrapClients: readonly BootstrapClient[]
  /** Without a trailing slash. */
  readonly stripeApiBase: string
  /** How much of Stripe's limits may be used: above 0, at most 1. */
  readonly stripeBudgetShare: number
  /** Requests per second that Stripe allows the account; undefined: what it publishes. */
  readonly stripeRateGlobal: number | undefined
  /** Requests per second that Stripe allows each endpoint; undefined: what it publishes. */
  readonly stripeRateEndpoint: number | undefined
  /** Takes the place of the hosts in the Xsolla spec; without a trailing slash. */
  readonly xsollaApiBase: string | undefined
  /** Hosts that custom specs may call although they are not public: `host`, `host:port` or `[address]:port`. */
  readonly restAllowedHosts: readonly string[]
  readonly role: 'all'
  readonly runGiveUpSeconds: number
  /** 0: never. */
  readonly webhookSweepMinutes: number
  readonly webhookRetentionDays: number
  readonly logLevel: LogLevel
}

interface Setting<T> {
  readonly name: string
  /** Other spellings, read when the name itself is not set. */
  readonly aliases?: readonly string[]
  /** The text that counts when the variable is not set; undefined means no value. */
  readonly fallback?: string
  /** What stands in the help when there is no fixed fallback. */
  readonly fallbackNote?: string
  /** One sentence. */
  readonly doc: string
  /** The value is never shown in an error. */
  readonly secret?: boolean
  /** Returns the value, or throws `Refusal` with what would be right. */
  readonly parse: (text: string) => T
}

const MOST_PER_SECOND = 1_000_000

const SETTINGS = {
  host: setting({
    name: 'HOST',
    fallback: '127.0.0.1',
    doc: 'Address to listen on.',
    parse: matching(/^[A-Za-z0-9.:_-]+$/, 'an IP address or a host name'),
  }),
  port: setting({
    name: 'PORT',
    fallback: '8080',
    doc: 'Port to listen on; 0 picks a free one and prints it.',
    parse: integer(0, 65535),
  }),
  publicUrl: setting({
    name: 'PUBLIC_URL',
    fallbackNote: 'from HOST and PORT',
    doc: 'Base of the absolute URLs in answers.',
    parse: httpUrl,
  }),
  dataDir: setting({
    name: 'DATA_DIR',
    fallback: './data',
    doc: 'Folder of the embedded store and of the generated secrets; one process at a time may use it.',
    parse: (text) => text,
  }),
  databaseUrl: setting({
    name: 'DATABASE_URL',
    fallbackNote: 'none: embedded store',
    doc: 'Not available in this version: the host keeps its state in DATA_DIR.',
    secret: true,
    parse: (): undefined => {
      throw new Refusal('PostgreSQL is not available in this version; unset it to use the embedded store in DATA_DIR', {
        sentence: true,
      })
    },
  }),
  encryptionKey: setting({
    name: 'ENCRYPTION_KEY',
    fallbackNote: 'generated into DATA_DIR/encryption.key',
    doc: 'Key that encrypts access tokens at rest: 32 bytes, base64.',
    secret: true,
    parse: keyOf32Bytes,
  }),
  encryptionKeysOld: setting({
    name: 'ENCRYPTION_KEYS_OLD',
    fallback: '',
    doc: 'Former encryption keys, comma-separated; they still open what they sealed.',
    secret: true,
    parse: (text) =>
      text
        .split(',')
        .map((part) => part.trim())
        .filter((part) => part !== '')
        .map(keyOf32Bytes),
  }),
  authMode: setting({
    name: 'AUTH_MODE',
    fallback: 'strict',
    doc: 'strict, or dev: any non-empty token, key and organisation pass; dev listens on a loopback address only.',
    parse: oneOf(AUTH_MODES),
  }),
  bootstrapClientId: setting({
    name: 'BOOTSTRAP_CLIENT_ID',
    fallbackNote: 'random',
    doc: 'Id of the API client that is created at first start.',
    parse: matching(CLIENT_ID, CLIENT_ID_RULE),
  }),
  bootstrapClientSecret: setting({
    name: 'BOOTSTRAP_CLIENT_SECRET',
    fallbackNote: 'random',
    doc: 'Secret of that client.',
    secret: true,
    parse: matching(/^.{8,}$/, CLIENT_SECRET_RULE),
  }),
  bootstrapOrgId: setting({
    name: 'BOOTSTRAP_ORG_ID',
    aliases: ['BOOTSTRAP_CLIENT_ORG_ID'],
    fallbackNote: 'random',
    doc: 'Organisation of that client.',
    parse: matching(ORG_ID, ORG_ID_RULE),
  }),
  bootstrapClients: setting({
    name: 'BOOTSTRAP_CLIENTS',
    fallback: '[]',
    doc: 'Several API clients: a JSON array of {clientId, clientSecret, orgId, sandboxes?}.',
    secret: true,
    parse: bootstrapClients,
  }),
  stripeApiBase: setting({
    name: 'STRIPE_API_BASE',
    fallback: 'https://api.stripe.com',
    doc: 'Where the Stripe plugin sends its calls.',
    parse: httpUrl,
  }),
  stripeBudgetShare: setting({
    name: 'STRIPE_BUDGET_SHARE',
    fallback: '0.8',
    doc: "Share of Stripe's limits that this host may use; the rest is left to the account's other traffic.",
    parse: fraction,
  }),
  stripeRateGlobal: setting({
    name: 'STRIPE_RATE_GLOBAL',
    fallbackNote: '100 for live keys, 25 for others',
    doc: 'Requests per second of an account, for accounts whose limits Stripe has changed.',
    parse: integer(1, MOST_PER_SECOND),
  }),
  stripeRateEndpoint: setting({
    name: 'STRIPE_RATE_ENDPOINT',
    fallbackNote: '25',
    doc: 'Requests per second of each endpoint, for accounts whose limits Stripe has changed.',
    parse: integer(1, MOST_PER_SECOND),
  }),
  xsollaApiBase: setting({
    name: 'XSOLLA_API_BASE',
    fallbackNote: "Xsolla's own hosts",
    doc: 'Where the Xsolla source sends its calls.',
    parse: httpUrl,
  }),
  restAllowedHosts: setting({
    name: 'REST_ALLOWED_HOSTS',
    fallback: '',
    doc: 'Hosts, comma-separated, each with or without a port, that custom specs may call although they are not public.',
    parse: hostList,
  }),
  role: setting({
    name: 'ROLE',
    fallback: 'all',
    doc: 'What this process does; this version knows all only.',
    parse: (text) => {
      if (text === 'api' || text === 'worker') {
        throw new Refusal('several processes need PostgreSQL, which is not available in this version; use all', {
          sentence: true,
        })
      }
      return oneOf(['all'] as const)(text)
    },
  }),
  runGiveUpSeconds: setting({
    name: 'RUN_GIVE_UP_SECONDS',
    fallback: '900',
    doc: 'A run without progress for so many seconds fails.',
    parse: integer(1, 7 * 24 * 3600),
  }),
  webhookSweepMinutes: setting({
    name: 'WEBHOOK_SWEEP_MINUTES',
    fallback: '15',
    doc: 'How often to ask sources for notifications that they did not deliver; 0 for never.',
    parse: integer(0, 7 * 24 * 60),
  }),
  webhookRetentionDays: setting({
    name: 'WEBHOOK_RETENTION_DAYS',
    fallback: '35',
    doc: 'Days for which notifications are kept, at least 30.',
    parse: integer(30, 3650),
  }),
  logLevel: setting({
    name: 'LOG_LEVEL',
    fallback: 'info',
    doc: `Least level of the JSON log lines on stdout: ${LOG_LEVELS.join(', ')}.`,
    parse: oneOf(LOG_LEVELS),
  }),
} as const

/**
 * Reads the settings. An unset and an empty variable mean the same.
 *
 * @throws ConfigError naming the variable, what was found and what is allowed
 */
export function loadConfig(env: Readonly<Record<string, string | undefined>>): Config {
  const config: Config = {
    host: read(SETTINGS.host, env),
    port: read(SETTINGS.port, env),
    publicUrl: readOptional(SETTINGS.publicUrl, env),
    dataDir: read(SETTINGS.dataDir, env),
    databaseUrl: readOptional(SETTINGS.databaseUrl, env),
    encryptionKey: readOptional(SETTINGS.encryptionKey, env),
    encryptionKeysOld: readOptional(SETTINGS.encryptionKeysOld, env) ?? [],
    authMode: read(SETTINGS.authMode, env),
    bootstrapClientId: readOptional(SETTINGS.bootstrapClientId, env),
    bootstrapClientSecret: readOptional(SETTINGS.bootstrapClientSecret, env),
    bootstrapOrgId: readOptional(SETTINGS.bootstrapOrgId, env),
    bootstrapClients: read(SETTINGS.bootstrapClients, env),
    stripeApiBase: read(SETTINGS.stripeApiBase, env),
    stripeBudgetShare: read(SETTINGS.stripeBudgetShare, env),
    stripeRateGlobal: readOptional(SETTINGS.stripeRateGlobal, env),
    stripeRateEndpoint: readOptional(SETTINGS.stripeRateEndpoint, env),
    xsollaApiBase: readOptional(SETTINGS.xsollaApiBase, env),
    restAllowedHosts: readOptional(SETTINGS.restAllowedHosts, env) ?? [],
    role: read(SETTINGS.role, env),
    runGiveUpSeconds: read(SETTINGS.runGiveUpSeconds, env),
    webhookSweepMinutes: read(SETTINGS.webhookSweepMinutes, env),
    webhookRetentionDays: read(SETTINGS.webhookRetentionDays, env),
    logLevel: read(SETTINGS.logLevel, env),
  }
  if (config.authMode === 'dev' && !isLoopback(config.host)) {
    throw new ConfigError(
      `AUTH_MODE=dev accepts every caller, so HOST must be a loopback address such as 127.0.0.1; found HOST="${config.host}"`,
    )
  }
  return config
}

/** The table of settings as text, for `--help`. */
export function describeSettings(): string {
  const rows = Object.values(SETTINGS).map((row: Setting<unknown>) => ({
    name: row.name,
    value: row.fallback || row.fallbackNote || 'none',
    doc: row.doc,
  }))
  const nameWidth = Math.max(...rows.map((row) => row.name.length))
  return rows.map(({ name, value, doc }) => `  ${name.padEnd(nameWidth)}  ${doc} Default: ${value}.`).join('\n')
}

/** The names of all settings, in the order of the table. */
export function settingNames(): readonly string[] {
  return Object.values(SETTINGS).map((row) => row.name)
}

function setting<T>(row: Setting<T>): Setting<T> {
  return row
}

function read<T>(row: Setting<T>, env: Readonly<Record<string, string | undefined>>): T {
  const value = readOptional(row, env)
  if (value === undefined) throw new ConfigError(`${row.name} is not set`)
  return value
}

function readOptional<T>(row: Setting<T>, env: Readonly<Record<string, string | undefined>>): T | undefined {
  const name = [row.name, ...(row.aliases ?? [])].find((candidate) => (env[candidate] ?? '').trim() !== '') ?? row.name
  const text = env[name]?.trim() || row.fallback
  if (text === undefined) return undefined
  try {
    return row.parse(text)
  } catch (error) {
    if (!(error instanceof Refusal)) throw error
    if (error.sentence) throw new ConfigError(`${name}: ${error.message}`)
    const found = row.secret ? 'a value that does not fit (not shown)' : JSON.stringify(shorten(text))
    throw new ConfigError(`${name} must be ${error.message}; found ${found}`)
  }
}

function shorten(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}...` : text
}

function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.')
  return host === '::1' || host.toLowerCase() === 'localhost'
}
