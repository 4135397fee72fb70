import { isIP } from 'node:net'

/** How the text of a setting becomes its value: a parser returns it or throws `Refusal` with what would be right. */

/** An API client to create at start unless it exists. */
export interface BootstrapClient {
  readonly clientId: string
  readonly clientSecret: string
  /** `<id>@AdobeOrg`. */
  readonly orgId: string
  /** Sandboxes to create in the organisation, `prod` when none are named. */
  readonly sandboxes: readonly string[]
}

/** What a setting may be, in words that complete "must be ...". */
export class Refusal extends Error {
  /** A whole sentence instead of "must be ...". */
  readonly sentence: boolean

  constructor(message: string, options: { sentence?: boolean } = {}) {
    super(message)
    this.sentence = options.sentence ?? false
  }
}

export const ORG_ID = /^[^@\s]+@AdobeOrg$/
const SANDBOX_NAME = /^[a-z0-9-]{1,256}$/
export const CLIENT_ID = /^[\x21-\x7e]{1,256}$/
export const ORG_ID_RULE = 'an organisation id of the form <id>@AdobeOrg'
export const CLIENT_ID_RULE = '1 to 256 printable characters without spaces'
export const CLIENT_SECRET_RULE = 'at least 8 characters'

export function isOrgId(text: string): boolean {
  return ORG_ID.test(text)
}

export function matching(pattern: RegExp, rule: string): (text: string) => string {
  return (text) => {
    if (!pattern.test(text)) throw new Refusal(rule)
    return text
  }
}

export function oneOf<const T extends readonly string[]>(allowed: T): (text: string) => T[number] {
  return (text) => {
    if (!allowed.includes(text)) throw new Refusal(`one of ${allowed.join(', ')}`)
    return text
  }
}

export function integer(least: number, most: number): (text: string) => number {
  return (text) => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN
    if (!(value >= least && value <= most)) throw new Refusal(`an integer from ${least} to ${most}`)
    return value
  }
}

/** A decimal number above 0 and at most 1. */
export function fraction(text: string): number {
  const value = /^\d*\.?\d+$/.test(text) ? Number(text) : NaN
  if (!(value > 0 && value <= 1)) throw new Refusal('a number above 0 and at most 1, such as 0.8')
  return value
}

export function httpUrl(text: string): string {
  const rule = 'an http:// or https:// URL without user, query and fragment'
  if (!URL.canParse(text)) throw new Refusal(rule)
  const url = new URL(text)
  const plain = url.username === '' && url.password === '' && url.search === '' && url.hash === ''
  if (!/^https?:$/.test(url.protocol) || !plain) throw new Refusal(rule)
  return url.href.replace(/\/+$/, '')
}

export function hostList(text: string): readonly string[] {
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

export function keyOf32Bytes(text: string): Buffer {
  const key = /^[A-Za-z0-9+/_-]+={0,2}$/.test(text) ? Buffer.from(text, 'base64') : Buffer.alloc(0)
  if (key.length !== 32) throw new Refusal('32 bytes in base64 (make one with: openssl rand -base64 32)')
  return key
}

export function bootstrapClients(text: string): readonly BootstrapClient[] {
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
