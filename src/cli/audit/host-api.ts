import axios, { isAxiosError, type AxiosInstance, type AxiosResponse } from 'axios'
import { AuditCommandError } from './audit-command-error.ts'
import type { Credentials } from './credentials.ts'

/** The host cannot be reached, or answers that it cannot work now. */
export class HostUnavailableError extends AuditCommandError {}

/** Calls of a running host. They throw `AuditCommandError` for any answer but a success. */
export interface HostApi {
  get<Answer>(path: string): Promise<Answer>
  post<Answer>(path: string, body?: object): Promise<Answer>
}

export interface HostApiOptions {
  readonly url: string
  readonly sandbox: string
  readonly credentials: Credentials
}

/** A host that does not answer for so long is not there, ms. */
const LONGEST_CALL_MS = 30_000

/** Signs in with the first call, and again when the token has expired. */
export function createHostApi({ url, sandbox, credentials }: HostApiOptions): HostApi {
  const { clientId, clientSecret, orgId } = credentials
  const http = createHttp(url)
  let token: Promise<string> | null = null

  async function signIn(): Promise<string> {
    const form = new URLSearchParams({
      grant_type: 'client_credentials',
      client_id: clientId,
      client_secret: clientSecret,
    })
    const response = await reach(url, () => http.post<{ access_token: string }>('/ims/token/v3', form))
    return checked(response, 'The host refuses the API client').access_token
  }

  async function call<Answer>(method: 'GET' | 'POST', path: string, body?: object): Promise<Answer> {
    for (let tries = 1; ; tries++) {
      token ??= signIn().catch((error: unknown) => {
        token = null
        throw error
      })
      const headers = {
        Authorization: `Bearer ${await token}`,
        'x-api-key': clientId,
        'x-gw-ims-org-id': orgId,
        'x-sandbox-name': sandbox,
      }
      const response = await reach(url, () => http.request<Answer>({ method, url: path, data: body, headers }))
      if (response.status !== 401 || tries > 1) return checked(response, 'The host refuses')
      token = null
    }
  }

  return {
    get: (path) => call('GET', path),
    post: (path, body) => call('POST', path, body),
  }
}

function createHttp(url: string): AxiosInstance {
  if (!URL.canParse(url)) throw new AuditCommandError(`--url ${url} is no URL; give one such as http://127.0.0.1:8080.`)
  return axios.create({ baseURL: url, timeout: LONGEST_CALL_MS, validateStatus: () => true })
}

async function reach<Answer>(url: string, work: () => Promise<AxiosResponse<Answer>>) {
  try {
    return await work()
  } catch (cause) {
    if (!isAxiosError(cause)) throw cause
    const reason = cause.message || cause.code || 'no answer'
    throw new HostUnavailableError(`No host answers at ${url} (${reason}); start it, or name another with --url.`, {
      cause,
    })
  }
}

function checked<Answer>({ status, data }: AxiosResponse<Answer>, what: string): Answer {
  if (status >= 200 && status < 300) return data
  const told = data as { detail?: string; message?: string; error_description?: string } | undefined
  const reason = told?.detail ?? told?.message ?? told?.error_description ?? 'no reason given'
  const message = `${what} (${status}): ${reason}`
  throw status >= 500 ? new HostUnavailableError(message) : new AuditCommandError(message)
}
