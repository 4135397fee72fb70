import Stripe from 'stripe'
import type { StripeSandbox } from '../../src/sandbox/index.ts'

export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // Tests look into whatever the sandbox answers.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly json: any
}

export interface CallOptions {
  readonly method?: string
  readonly key?: string | null
  readonly version?: string
  readonly form?: string
  readonly headers?: Record<string, string>
}

/** One request to the sandbox, with `sk_test_sandbox` unless told otherwise. */
export async function call(sandbox: StripeSandbox, path: string, options: CallOptions = {}): Promise<Answered> {
  const { key = 'sk_test_sandbox', version, form } = options
  const response = await fetch(`${sandbox.url}${path}`, {
    method: options.method ?? (form === undefined ? 'GET' : 'POST'),
    headers: {
      ...(key === null ? {} : { Authorization: `Bearer ${key}` }),
      ...(version === undefined ? {} : { 'Stripe-Version': version }),
      ...(form === undefined ? {} : { 'Content-Type': 'application/x-www-form-urlencoded' }),
      ...options.headers,
    },
    ...(form === undefined ? {} : { body: form }),
  })
  const text = await response.text()
  let json: unknown
  try {
    json = JSON.parse(text)
  } catch {
    json = undefined
  }
  return { status: response.status, headers: response.headers, text, json }
}

/** JSON to the control path. */
export async function control(sandbox: StripeSandbox, method: string, path: string, body?: unknown): Promise<Answered> {
  const response = await fetch(`${sandbox.url}/_sandbox${path}`, {
    method,
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await response.text()
  return { status: response.status, headers: response.headers, text, json: JSON.parse(text) }
}

/** Walks a list by hand and answers the ids in list order. */
export async function walkIds(
  sandbox: StripeSandbox,
  path: string,
  query: Record<string, string> = {},
  options: CallOptions = {},
): Promise<string[]> {
  const ids: string[] = []
  for (let after: string | undefined; ; after = ids.at(-1)) {
    const search = new URLSearchParams({
      limit: '100',
      ...query,
      ...(after === undefined ? {} : { starting_after: after }),
    })
    const { json, status, text } = await call(sandbox, `${path}?${search}`, options)
    if (status !== 200) throw new Error(text)
    ids.push(...json.data.map((object: { id: string }) => object.id))
    if (!json.has_more) return ids
  }
}

/** The official SDK, pointed at the sandbox, without its own retries. */
export function sdk(sandbox: StripeSandbox, key = 'sk_test_sandbox'): Stripe {
  return new Stripe(key, {
    host: sandbox.host,
    port: sandbox.port,
    protocol: 'http',
    maxNetworkRetries: 0,
    telemetry: false,
    timeout: 2000,
  })
}
