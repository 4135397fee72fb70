import axios from 'axios'
import { isIP } from 'node:net'
import { FatalSourceError, RetriableSourceError } from '../plugin.ts'
import { createAddressGuard } from './allowed-hosts.ts'
import { createGuardedAgents, forbidden, ForbiddenAddressError } from './guarded-agents.ts'

/** Every outgoing call of custom specs. */
export interface RestHttp {
  /**
   * Sends a request and follows redirects to the same host. Resolves with the answer whatever its status. Throws
   * `FatalSourceError` for what may not be reached or read, `RetriableSourceError` when no answer comes.
   */
  send(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer>
}

export interface HttpRequest {
  readonly method: 'GET' | 'POST'
  readonly url: URL
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body?: string | undefined
}

export interface HttpAnswer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Where the answer came from. */
  readonly url: URL
}

export interface RestHttpOptions {
  /** Hosts that may be called although they are not public: `REST_ALLOWED_HOSTS`. */
  readonly allowedHosts: readonly string[]
  /** Bytes of an answer, unpacked, at most. */
  readonly maxBodyBytes?: number
  /** Milliseconds that one call may take, from the first byte sent to the last one received. */
  readonly timeoutMs?: number
}

const MAX_REDIRECTS = 5
const REDIRECT_STATUSES = new Set([301, 302, 303, 307, 308])

export function createRestHttp({
  allowedHosts,
  maxBodyBytes = 10 * 1024 * 1024,
  timeoutMs = 30_000,
}: RestHttpOptions): RestHttp {
  const guard = createAddressGuard(allowedHosts)
  const client = axios.create({
    ...createGuardedAgents(guard),
    adapter: 'http',
    proxy: false,
    // Followed here, so that every hop is checked.
    maxRedirects: 0,
    maxContentLength: maxBodyBytes,
    responseType: 'text',
    transformRequest: [(data: unknown) => data],
    transformResponse: [(data: unknown) => data],
    validateStatus: () => true,
  })

  async function sendOnce(request: HttpRequest, signal: AbortSignal): Promise<HttpAnswer> {
    assertCallable(request.url)
    const timeout = AbortSignal.timeout(timeoutMs)
    try {
      const { status, headers, data } = await client.request<string>({
        method: request.method,
        url: request.url.href,
        headers: request.headers,
        data: request.body,
        signal: AbortSignal.any([signal, timeout]),
      })
      return { status, headers: plainHeaders(headers), body: data ?? '', url: request.url }
    } catch (error) {
      signal.throwIfAborted()
      if (timeout.aborted) {
        throw new RetriableSourceError(
          'unavailable',
          `${request.url.host} did not answer within ${timeoutMs / 1000} s.`,
        )
      }
      throw toCallError(error, request.url, maxBodyBytes)
    }
  }

  /** Literal addresses meet no lookup; numbers and names are spelled out by the URL parser already. */
  function assertCallable(url: URL): void {
    const address = url.hostname.replace(/^\[|\]$/g, '')
    const port = Number(url.port) || (url.protocol === 'https:' ? 443 : 80)
    if (isIP(address) !== 0 && !guard.allows(address, port, address)) {
      throw new FatalSourceError('request', `${forbidden(url.host).message}.`)
    }
  }

  return {
    async send(request, signal) {
      let current = request
      for (let redirects = 0; ; redirects++) {
        const answer = await sendOnce(current, signal)
        const location = answer.headers['location']
        if (!REDIRECT_STATUSES.has(answer.status) || location === undefined) return answer
        if (redirects === MAX_REDIRECTS) {
          throw new FatalSourceError('request', `${request.url.host} redirects more than ${MAX_REDIRECTS} times.`)
        }
        current = redirected(current, answer.status, location)
      }
    },
  }
}

/** The URL `location` seen from `from`. Throws `FatalSourceError` when it leads to another host. */
export function sameHostUrl(location: string, from: URL, what: string): URL {
  const url = URL.canParse(location, from.href) ? new URL(location, from.href) : null
  const isUpgrade =
    url?.protocol === 'https:' && from.protocol === 'http:' && url.hostname === from.hostname && url.port === from.port
  if (url === null || (!isUpgrade && url.origin !== from.origin)) {
    const target = url === null ? 'no URL' : url.host
    throw new FatalSourceError('request', `${what} of ${from.host} leads to ${target}, not to the same host.`)
  }
  url.username = ''
  url.password = ''
  return url
}

function redirected(request: HttpRequest, status: number, location: string): HttpRequest {
  const url = sameHostUrl(location, request.url, 'A redirect')
  if (status === 307 || status === 308 || request.method === 'GET') return { ...request, url }
  const headers = Object.entries(request.headers).filter(([name]) => name !== 'content-type')
  return { method: 'GET', url, headers: Object.fromEntries(headers) }
}

function toCallError(error: unknown, url: URL, maxBodyBytes: number): FatalSourceError | RetriableSourceError {
  const { message, code, cause } = error as Error & { code?: string }
  if (code === 'ERR_FORBIDDEN_ADDRESS' || cause instanceof ForbiddenAddressError) {
    return new FatalSourceError('request', `${forbidden(url.host).message}.`)
  }
  if (/maxContentLength/.test(message)) {
    return new FatalSourceError(
      'request',
      `The answer of ${url.host} is larger than ${maxBodyBytes} bytes; use a smaller limitValue.`,
    )
  }
  // No cause: the error carries the request, and the credential with it.
  return new RetriableSourceError('unavailable', `${url.host} gave no answer: ${code ?? message}`)
}

function plainHeaders(headers: object): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(headers).map(([name, value]) => [
      name.toLowerCase(),
      Array.isArray(value) ? value.join(', ') : String(value),
    ]),
  )
}
