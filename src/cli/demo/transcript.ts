import { styleText } from 'node:util'
import axios, { type AxiosInstance } from 'axios'

const SHOWN_CHARACTERS = 1_200

/** Something differs from what the walk promises; ends the demo with exit code 1. */
export class DemoError extends Error {}

export interface CallRequest {
  readonly method: 'GET' | 'POST' | 'PATCH'
  readonly path: string
  readonly body?: object
  /** The etag that the entity is expected to have. */
  readonly ifMatch?: string
  /** Defaults to 201 for POST and 200 for the rest. */
  readonly expectStatus?: number
  /** The part of the answer worth showing; all of it when absent. */
  readonly show?: (answer: unknown) => unknown
}

/** The headers of every call, and the shell variables in which the printed curls expect them. */
export interface Credentials {
  readonly token: string
  readonly clientId: string
  readonly orgId: string
}

/** Makes calls and prints each as a curl that can be pasted, with what came back. */
export interface Transcript {
  heading(text: string): void
  say(text: string): void
  /** The parsed answer, as the contract shapes it. Throws `DemoError` when its status is not the expected one. */
  call<Answer>(request: CallRequest): Promise<Answer>
  /** Like `call`, without printing. */
  quietly<Answer>(request: CallRequest): Promise<Answer>
}

export function createTranscript(url: string, { token, clientId, orgId }: Credentials): Transcript {
  const http: AxiosInstance = axios.create({
    baseURL: url,
    validateStatus: () => true,
    headers: { Authorization: `Bearer ${token}`, 'x-api-key': clientId, 'x-gw-ims-org-id': orgId },
  })

  async function send<Answer>({
    method,
    path,
    body,
    ifMatch,
    expectStatus = method === 'POST' ? 201 : 200,
  }: CallRequest): Promise<Answer> {
    const headers = ifMatch === undefined ? {} : { 'If-Match': ifMatch }
    const { status, data } = await http.request<Answer>({ method, url: path, data: body, headers })
    if (status !== expectStatus) {
      throw new DemoError(`${method} ${path} answered ${status} instead of ${expectStatus}: ${JSON.stringify(data)}`)
    }
    return data
  }

  return {
    heading: (text) => console.log(styleText('bold', `\n── ${text}`)),
    say: (text) => console.log(text),
    quietly: send,
    async call<Answer>(request: CallRequest) {
      console.log(curl(url, request))
      const answer = await send<Answer>(request)
      console.log(shorten(JSON.stringify((request.show ?? same)(answer), null, 2)))
      return answer
    },
  }
}

/** A paste-able command; the credentials are in the variables that the demo has printed before. */
function curl(url: string, { method, path, body, ifMatch }: CallRequest): string {
  const lines = [
    `curl -sS ${method === 'GET' ? '' : `-X ${method} `}'${url}${path}'`,
    `-H "Authorization: Bearer $TOKEN" -H "x-api-key: $CLIENT_ID" -H "x-gw-ims-org-id: $ORG_ID"`,
    ...(ifMatch === undefined ? [] : [`-H 'If-Match: ${ifMatch}'`]),
    ...(body === undefined ? [] : [`-H 'Content-Type: application/json' -d '${JSON.stringify(body)}'`]),
  ]
  return styleText('cyan', `\n$ ${lines.join(' \\\n    ')}`)
}

function shorten(text: string): string {
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}\n… (${text.length} characters)`
}

function same(answer: unknown): unknown {
  return answer
}

/** Throws `DemoError` unless the two are equal. */
export function expectEqual(what: string, actual: unknown, expected: unknown): void {
  if (actual !== expected) throw new DemoError(`${what}: expected ${String(expected)}, found ${String(actual)}.`)
}
