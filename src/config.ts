import { isIP } from 'node:net'

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

/** An API client to create at start unless it exists. */
export interface BootstrapClient {
  readonly clientId: string
  readonly clientSecret: string
  /** `<id>@AdobeOrg`. */
  readonly orgId: string
  /** Sandboxes to create in the organisation, `prod` when none are named. */
  readonly sandboxes: readonly string[]
}

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
  /** Hosts that custom specs may call although they are not public: `host`, `host:port` or `[address]:port`. */
  readonly restAllowedHosts: readonly string[]
  readonly role: 'all'
  readonly runGiveUpSeconds: number
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

/** What a setting may be, in words that complete "must be ...". */
class Refusal extends Error {
  /** A whole sentence instead of "must be ...". */
  readonly sentence: boolean

  constructor(message: string, options: { sentence?: boolean } = {}) {
    super(message)
    this.sentence = options.sentence ?? false
  }
}

const ORG_ID = /^[^@\s]+@AdobeOrg$/
const SANDBOX_NAME = /^[a-z0-9-]{1,256}$/
const CLIENT_ID = /^[\x21-\x7e]{1,256}$/
const ORG_ID_RULE = 'an organisation id of the form <id>@AdobeOrg'
const CLIENT_ID_RULE = '1 to 256 printable characters without spaces'
const CLIENT_SECRET_RULE = 'at least 8 characters'

export function isOrgId(text: string): boolean {
  return ORG_ID.test(text)
}

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
    restAllowedHosts: readOptional(SETTINGS.restAllowedHosts, env) ?? [],
    role: read(SETTINGS.role, env),
    runGiveUpSeconds: read(SETTINGS.runGiveUpSeconds, env),
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

function matching(pattern: RegExp, rule: string): (text: string) => string {
  return (text) => {
    if (!pattern.test(text)) throw new Refusal(rule)
    return text
  }
}

function oneOf<const T extends readonly string[]>(allowed: T): (text: string) => T[number] {
  return (text) => {
    if (!allowed.includes(text)) throw new Refusal(`one of ${allowed.join(', ')}`)
    return text
  }
}

function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN
    if (!(value >= least && value <= most)) throw new Refusal(`an integer from ${least} to ${most}`)
    return value
  }
}

function httpUrl(text: string): string {
  const rule = 'an http:// or https:// URL without user, query and fragment'
  if (!URL.canParse(text)) throw new Refusal(rule)
  const url = new URL(text)
  const plain = url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  if (!/^https?:$/.test(url.protocol) || !plain) throw new Refusal(rule)
  return url.href.replace(/\/+$/, '')
}

function hostList(text: string): readonly string[] {
  const entries = text
    .split(',')
    .map((part) => part.trim())
    .filter((part) => part !== '')
  const wrong = entries.find((entry) => !isHostWithPort(entry))
  if (wrong !== undefined)
    throw new Refusal('a comma-separated list of hosts such as localhost:8080, 10.0.0.5 or [::1]:8080')
  return entries
}

function isHostWithPort(entry: string): boolean {
  const [, address, name, port = '1'] = /^(?:\[(.+)\]|([A-Za-z0-9._-]+))(?::(\d{1,5}))?$/.exec(entry) ?? []
  const isHost = address === undefined ? name !== undefined : isIP(address) === 6
  return (isHost || isIP(entry) === 6) && Number(port) >= 1 && Number(port) <= 65535
}

function keyOf32Bytes(text: string): Buffer {
  const key = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : Buffer.alloc(0)
  if (key.length !== 32) throw new Refusal('32 bytes in base64 (make one with: openssl rand -base64 32)')
  return key
}

function bootstrapClients(text: string): readonly BootstrapClient[] {
  let list: unknown
  try {
    list = JSON.parse(text)
  } catch {
    throw new Refusal('a JSON array of {clientId, clientSecret, orgId, sandboxes?}')
  }
  if (!Array.isArray(list)) throw new Refusal('a JSON array of {clientId, clientSecret, orgId, sandboxes?}')
  const clients = list.map(bootstrapClient)
  const twice = clients.find(
    (client, index) => clients.findIndex((other) => other.clientId === client.clientId) !== index,
  )
  if (twice) throw new Refusal('a list that names every clientId once')
  return clients
}

function bootstrapClient(entry: unknown, index: number): BootstrapClient {
  const member = (name: string): unknown =>
    typeof entry === 'object' && entry !== null ? Reflect.get(entry, name) : undefined
  const text = (name: string, pattern: RegExp, rule: string): string => {
    const value = member(name)
    if (typeof value !== 'string' || !pattern.test(value)) {
      throw new Refusal(`a JSON array in which [${index}].${name} is ${rule}`)
    }
    return value
  }
  const sandboxes: unknown = member('sandboxes') ?? ['prod']
  if (!Array.isArray(sandboxes) || !sandboxes.every((name) => typeof name === 'string' && SANDBOX_NAME.test(name))) {
    throw new Refusal(`a JSON array in which [${index}].sandboxes is a list of names of a-z, 0-9 and -`)
  }
  return {
    clientId: text('clientId', CLIENT_ID, CLIENT_ID_RULE),
    clientSecret: text('clientSecret', /^.{8,}$/, CLIENT_SECRET_RULE),
    orgId: text('orgId', ORG_ID, ORG_ID_RULE),
    sandboxes: sandboxes.length > 0 ? sandboxes : ['prod'],
  }
}

function isLoopback(host: string): boolean {
  if (isIP(host) === 4) return host.startsWith('127.')
  return host === '::1' || host.toLowerCase() === 'localhost'
}
