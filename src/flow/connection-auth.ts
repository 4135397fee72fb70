import type { JsonObject, JsonValue } from '../json.ts'
import type { Faults } from '../request-body.ts'
import { readMember, readObject, readText, typeName } from '../request-body.ts'
import type { SecretBox } from './context.ts'
import { short } from './entity.ts'
import type { PatchOperation } from './patch.ts'
import type { AuthSpec, ConnectionSpec } from './spec-registry.ts'
import type { Auth } from './types.ts'

/** Stands for every secret in everything that leaves the host. Sent back in a patch, it keeps the stored secret. */
export const SECRET_MASK = '********'

const PARAMS = '/auth/params'

export interface AuthRequest {
  readonly spec: ConnectionSpec
  readonly connectionId: string
  readonly secretBox: SecretBox
  /** What the connection has sealed already. */
  readonly stored: Readonly<Record<string, string>>
}

export interface ReadAuth {
  /** With the secrets masked. */
  readonly auth: Partial<Auth>
  /** Sealed, by JSON Pointer. */
  readonly secrets: Readonly<Record<string, string>>
}

/** Reads `auth` of a connection: parameters that the spec does not declare are dropped, secrets sealed and masked. */
export function readAuth(faults: Faults, body: JsonObject, request: AuthRequest): ReadAuth | null {
  const auth = readObject(faults, body, '/auth', 'unlessDraft')
  if (auth === undefined) return null
  // Only the auth spec tells secrets from the rest, so even a draft needs it beside parameters.
  const hasParams = readMember(auth, 'params') !== undefined
  const specName = readText(faults, auth, '/auth/specName', hasParams ? 'always' : 'unlessDraft')
  const authSpec = specName === undefined ? null : request.spec.authSpec(specName)
  if (specName !== undefined && authSpec === null) {
    const known = request.spec.authSpecNames.join(', ')
    const message = `/auth/specName "${short(specName)}" is no auth spec of this connection spec; give one of: ${known}.`
    faults.invalid('/auth/specName', message, '1415-400')
  }
  const params = readObject(faults, auth, PARAMS, 'unlessDraft')
  if (params === undefined || authSpec === null) {
    return { auth: authSpec === null ? {} : { specName: authSpec.name }, secrets: {} }
  }
  const declared = pickDeclared(params, authSpec)
  checkParams(faults, declared, authSpec, request.stored)
  return seal(declared, authSpec, request)
}

function pickDeclared(params: JsonObject, { declaredNames }: AuthSpec): JsonObject {
  return Object.fromEntries(
    declaredNames.map((name) => [name, readMember(params, name)] as const).filter(([, value]) => value !== undefined),
  )
}

function checkParams(
  faults: Faults,
  params: JsonObject,
  authSpec: AuthSpec,
  stored: Readonly<Record<string, string>>,
): void {
  for (const { kind, path, message } of authSpec.validate(params)) {
    const at = PARAMS + path
    if (kind === 'missing') faults.missing(at, `${at}: ${message}; give a value.`)
    else faults.invalid(at, `${at}: ${message}.`)
  }
  for (const [name, value] of Object.entries(params)) checkText(faults, name, value, authSpec, stored)
}

/** Secrets and hosts end up in headers and URLs: what could break out of those is refused. The value is never told. */
function checkText(
  faults: Faults,
  name: string,
  value: JsonValue | undefined,
  { secretNames, secretListNames }: AuthSpec,
  stored: Readonly<Record<string, string>>,
): void {
  const at = pointer(name)
  const secret = secretNames.includes(name)
  if (secretListNames.includes(name)) checkMaskAmongSecrets(faults, at, value)
  if (Array.isArray(value) && secretListNames.includes(name)) {
    for (const entry of value) if (typeof entry === 'string') checkCharacters(faults, name, entry)
    return
  }
  if (typeof value !== 'string') {
    if (secret) faults.invalid(at, `${at} is ${typeName(value)}; give a string.`)
    return
  }
  if (secret && value === SECRET_MASK && stored[at] === undefined) {
    faults.invalid(at, `${at} is the mask of a secret, and none is stored under it; give the secret itself.`)
  }
  checkCharacters(faults, name, value)
}

/** The mask stands for all that is stored, so it cannot stand beside a secret. */
function checkMaskAmongSecrets(faults: Faults, at: string, value: JsonValue | undefined): void {
  const isAmong = Array.isArray(value)
    ? value.includes(SECRET_MASK)
    : typeof value === 'string' && value !== SECRET_MASK && secretsIn(value).includes(SECRET_MASK)
  if (isAmong) faults.invalid(at, `${at} holds the mask of a secret among others; give the secrets themselves.`)
}

function checkCharacters(faults: Faults, name: string, value: string): void {
  const at = pointer(name)
  if (value.length > 8192) faults.invalid(at, `${at} has ${value.length} characters; give at most 8192.`)
  if (name === 'accessToken' && value !== '' && !/^[\x21-\x7e]+$/.test(value)) {
    faults.invalid(at, `${at} holds white space, control or non-ASCII characters; give the token alone.`)
  } else if (/\p{Cc}/u.test(value)) {
    faults.invalid(at, `${at} holds control characters; remove them.`)
  }
}

function seal(params: JsonObject, authSpec: AuthSpec, request: AuthRequest): ReadAuth {
  const { stored, secretBox, connectionId } = request
  const visible: Record<string, JsonValue | undefined> = { ...params }
  const secrets: Record<string, string> = {}
  for (const name of authSpec.secretNames) {
    const given = params[name]
    const value = Array.isArray(given) && authSpec.secretListNames.includes(name) ? given.join(' ') : given
    if (typeof value !== 'string' || value === '') continue
    const at = pointer(name)
    const kept = value === SECRET_MASK ? stored[at] : undefined
    secrets[at] = kept ?? secretBox.seal(value, connectionId)
    visible[name] = SECRET_MASK
  }
  return { auth: { specName: authSpec.name, params: visible }, secrets }
}

/** The secrets of a parameter that may hold several, from the text that is sealed. */
export function secretsIn(text: string): readonly string[] {
  return text.split(/[\s,]+/).filter((secret) => secret !== '')
}

/** The operations of a patch as `lastOperation` shows them: nothing that came in under `/auth`. */
export function maskOperations(operations: readonly PatchOperation[]): JsonObject[] {
  return operations.map(({ op, path, value }) => {
    if (value === undefined) return { op, path }
    return { op, path, value: path === '/auth' || path.startsWith('/auth/') ? mask(value, path) : value }
  })
}

function mask(value: JsonValue, path: string): JsonValue {
  return path === '/auth/specName' && typeof value === 'string' ? short(value) : SECRET_MASK
}

function pointer(name: string): string {
  return `${PARAMS}/${name.replaceAll('~', '~0').replaceAll('/', '~1')}`
}
