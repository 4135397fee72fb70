import { ACCESS_TOKEN_SECONDS } from '../auth/access-tokens.ts'
import type { AccessTokens } from '../auth/access-tokens.ts'
import { verifyClientSecret } from '../auth/client-secret.ts'
import type { ClientStore } from '../store/store.ts'
import type { ApiResponse, PublicRequest, PublicRoute } from './route.ts'

export interface TokenEndpointOptions {
  readonly tokens: AccessTokens
  readonly clients: ClientStore
}

const VERSIONS = [
  { version: 'v3', grants: ['client_credentials'] },
  { version: 'v2', grants: ['client_credentials'] },
  // The oldest client mode sends a code along with the client's secret; the secret is what counts.
  { version: 'v1', grants: ['client_credentials', 'authorization_code'] },
] as const

const PARAMETERS = ['grant_type', 'client_id', 'client_secret'] as const

/** `POST /ims/token/v3` and its older versions: an access token for an API client's id and secret. */
export function tokenRoutes(options: TokenEndpointOptions): readonly PublicRoute[] {
  return VERSIONS.map(({ version, grants }) => ({
    method: 'POST',
    path: `/ims/token/${version}`,
    handler: (request) => exchange(request, grants, options),
  }))
}

async function exchange(
  request: PublicRequest,
  grants: readonly string[],
  { tokens, clients }: TokenEndpointOptions,
): Promise<ApiResponse> {
  const form = new URLSearchParams((await request.readBody()).toString('utf8'))
  const values = PARAMETERS.map((name) => [
    name,
    [...new Set([...form.getAll(name), ...(request.query[name] ?? [])].filter((value) => value !== ''))],
  ]) satisfies [string, string[]][]
  const twice = values.find(([, found]) => found.length > 1)
  if (twice) return refusal(400, 'invalid_request', `The parameter ${twice[0]} is given twice with different values.`)
  const [grantType, clientId, clientSecret] = values.map(([, [value]]) => value)

  if (grantType === undefined) return refusal(400, 'invalid_request', 'The parameter grant_type is missing.')
  if (!grants.includes(grantType)) {
    return refusal(400, 'unsupported_grant_type', `The grant_type must be ${grants.join(' or ')}.`)
  }
  if (clientId === undefined) return refusal(400, 'invalid_request', 'The parameter client_id is missing.')
  if (clientSecret === undefined) return refusal(400, 'invalid_request', 'The parameter client_secret is missing.')

  const client = await clients.getClient(clientId)
  if (!client || !(await verifyClientSecret(clientSecret, client.secretHash))) {
    return refusal(401, 'invalid_client', 'The client_id is unknown or the client_secret is wrong.')
  }
  const body = {
    access_token: await tokens.issue(client),
    token_type: 'bearer',
    expires_in: ACCESS_TOKEN_SECONDS,
  }
  return { status: 200, headers: { 'Cache-Control': 'no-store' }, body }
}

function refusal(status: 400 | 401, error: string, error_description: string): ApiResponse {
  return { status, headers: { 'Cache-Control': 'no-store' }, body: { error, error_description } }
}
