import { technicalAccountOf } from '../auth/access-tokens.ts'
import type { AccessTokens, TokenClaims } from '../auth/access-tokens.ts'
import type { Caller, Tenant } from '../caller.ts'
import { isOrgId } from '../config.ts'
import type { AuthMode } from '../config.ts'
import { FlowServiceError } from '../errors.ts'
import type { ApiClient, ClientStore } from '../store/store.ts'
import { GatewayError } from './problem.ts'
import type { GatewayErrorCode } from './problem.ts'

const DEFAULT_SANDBOX = 'prod'
const CACHE_ENTRIES = 10_000

/** Header values by lower-case name, every occurrence of a header on its own (Node's `headersDistinct`). */
export type HeaderValues = Readonly<Record<string, readonly string[] | undefined>>

/** Who sent this request, for which tenant. Throws `GatewayError`, or `FlowServiceError` for a sandbox. */
export type Authenticate = (headers: HeaderValues, requestId: string) => Promise<Caller>

export interface AuthenticatorOptions {
  readonly mode: AuthMode
  readonly tokens: AccessTokens
  readonly clients: ClientStore
  readonly newId: () => string
}

/**
 * The checks of the gateway, in the order in which their errors win: token present, token valid, key present, key known,
 * organisation present, well-formed, entitled, sandbox. `dev` takes any token, key and organisation that is not empty.
 */
export function createAuthenticator(options: AuthenticatorOptions): Authenticate {
  const { mode, tokens, newId } = options
  const clients = cachedClients(options.clients)

  async function bearer(headers: HeaderValues): Promise<TokenClaims | null> {
    const value = single(headers, 'authorization', '403010', '401013')
    if (mode === 'dev') return null
    const [, token] = /^Bearer +(\S+)$/i.exec(value) ?? []
    const claims = token === undefined ? null : await tokens.verify(token)
    const client = claims && (await clients.getClient(claims.clientId))
    if (!claims || client?.orgId !== claims.orgId) throw new GatewayError('401013')
    return claims
  }

  async function apiKey(headers: HeaderValues, claims: TokenClaims | null): Promise<string> {
    const key = single(headers, 'x-api-key', '403000', '403003')
    if (!claims) return key
    const client = await clients.getClient(key)
    if (client?.orgId !== claims.orgId) throw new GatewayError('403003')
    return key
  }

  function organisation(headers: HeaderValues, claims: TokenClaims | null): string {
    const orgId = single(headers, 'x-gw-ims-org-id', '400003', '403027')
    if (!claims) return orgId
    if (!isOrgId(orgId)) throw new GatewayError('403027')
    if (orgId !== claims.orgId) throw new GatewayError('403025')
    return orgId
  }

  async function sandbox(headers: HeaderValues, orgId: string): Promise<Tenant> {
    const names = distinct(headers, 'x-sandbox-name')
    const [sandboxName = DEFAULT_SANDBOX] = names
    if (sandboxName === '*' && names.length === 1) {
      throw new FlowServiceError('2111-403', 'The sandbox name * is not open to user tokens; name one sandbox.', {
        tenant: { orgId, sandboxName },
      })
    }
    const found = names.length > 1 ? null : await clients.getSandbox(orgId, sandboxName)
    const createsProd = mode === 'dev' && names.length < 2 && sandboxName === DEFAULT_SANDBOX
    const tenant =
      found ?? (createsProd ? await clients.ensureSandbox({ orgId, sandboxName, sandboxId: newId() }) : null)
    const ids = distinct(headers, 'x-sandbox-id')
    if (!tenant || ids.some((id) => id.toLowerCase() !== tenant.sandboxId)) {
      const wanted = tenant
        ? `sandbox "${sandboxName}" with id "${ids.join(', ')}"`
        : `sandbox "${names.join(', ') || sandboxName}"`
      throw new FlowServiceError(
        '2100-404',
        `The organisation has no ${wanted}; check x-sandbox-name and x-sandbox-id.`,
        {
          tenant: { orgId, sandboxName },
        },
      )
    }
    return tenant
  }

  return async function authenticate(headers, requestId) {
    const claims = await bearer(headers)
    const clientId = await apiKey(headers, claims)
    const orgId = organisation(headers, claims)
    const tenant = await sandbox(headers, orgId)
    return { tenant, clientId, userId: technicalAccountOf(claims?.clientId ?? clientId), requestId }
  }
}

/** The one value of a header. Two different values are as bad as a wrong one; an empty header is a missing one. */
function single(headers: HeaderValues, name: string, missing: GatewayErrorCode, invalid: GatewayErrorCode): string {
  const [value, ...others] = distinct(headers, name)
  if (value === undefined) throw new GatewayError(missing)
  if (others.length > 0) throw new GatewayError(invalid)
  return value
}

function distinct(headers: HeaderValues, name: string): readonly string[] {
  const values = (headers[name] ?? []).map((value) => value.trim()).filter((value) => value !== '')
  return [...new Set(values)]
}

/** Clients and sandboxes are never changed or removed, so what was found once stays true. */
function cachedClients(clients: ClientStore): Pick<ClientStore, 'getClient' | 'getSandbox' | 'ensureSandbox'> {
  const knownClients = new Map<string, ApiClient>()
  const knownSandboxes = new Map<string, Tenant>()
  return {
    getClient: (clientId) => remembered(knownClients, clientId, () => clients.getClient(clientId)),
    getSandbox: (orgId, name) => remembered(knownSandboxes, `${orgId} ${name}`, () => clients.getSandbox(orgId, name)),
    ensureSandbox: (tenant) => clients.ensureSandbox(tenant),
  }
}

async function remembered<T>(known: Map<string, T>, key: string, find: () => Promise<T | null>): Promise<T | null> {
  const value = known.get(key) ?? (await find())
  if (value !== null) {
    if (known.size >= CACHE_ENTRIES) known.clear()
    known.set(key, value)
  }
  return value
}
