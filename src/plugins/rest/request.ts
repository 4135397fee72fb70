import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { FatalSourceError, type CreatedWindow } from '../plugin.ts'
import type { HttpRequest } from './http.ts'
import { sameHostUrl } from './http.ts'
import type { PageParameters } from './pagination.ts'
import { scheduleQuery, windowParameters } from './schedule.ts'
import type { RestSpec } from './spec.ts'
import { fillJson, fillOptional, fillText, MissingParameterError, type Substitution } from './templates.ts'

export interface PageRequest {
  readonly auth: JsonObject
  readonly params: JsonObject
  readonly window: CreatedWindow
  readonly page: PageParameters
  /** Milliseconds. */
  readonly now: number
}

const FORM = 'application/x-www-form-urlencoded'

/**
 * The request for one page. Throws `FatalSourceError` when a parameter is missing or breaks out of its place, or when the
 * connection has another credential than the list needs.
 */
export function buildPageRequest(spec: RestSpec, request: PageRequest): HttpRequest {
  assertFits(spec, request.auth)
  try {
    return build(spec, request)
  } catch (error) {
    if (!(error instanceof MissingParameterError)) throw error
    throw new FatalSourceError('request', error.message, { code: '1304-400' })
  }
}

function build(spec: RestSpec, { auth, params, window, page, now }: PageRequest): HttpRequest {
  const values = { ...params, ...auth }
  const inUrl: Substitution = { values, scheduleQuery: scheduleQuery(spec.schedule, window, now, encodeURIComponent) }
  const plain: Substitution = { values, scheduleQuery: scheduleQuery(spec.schedule, window, now) }
  const base = sourceUrl(spec, inUrl)
  const url = page.url === null ? base : sameHostUrl(page.url, base, 'The next page')
  if (page.url === null) {
    addQuery(url, spec, plain)
    for (const [name, value] of windowParameters(spec.schedule, window)) url.searchParams.set(name, value)
  }
  for (const [name, value] of page.query) url.searchParams.set(name, value)

  const headers = new Map<string, string>(Object.entries(credentialHeaders(spec, auth)))
  for (const [name, template] of spec.headers) {
    const value = fillOptional(template, plain)
    if (value !== undefined) headers.set(name.toLowerCase(), value)
  }
  for (const [name, value] of page.headers) headers.set(name.toLowerCase(), value)
  const body = spec.method === 'POST' ? bodyText(spec, plain, headers) : undefined
  return { method: spec.method, url, headers: checkedHeaders(headers), body }
}

/** A credential is not shown to who expects another one. */
function assertFits({ authSpec }: RestSpec, auth: JsonObject): void {
  if (authSpec === null || authSpec.required.every((name) => auth[name] !== undefined)) return
  const message = `What is asked for needs a connection with the auth spec "${authSpec.name}".`
  throw new FatalSourceError('request', message, { code: '1312-400' })
}

/** The headers that prove who asks: a bearer token, a user with a password, or keys. */
export function credentialHeaders({ auth: rules }: RestSpec, auth: JsonObject): Readonly<Record<string, string>> {
  const headers: Record<string, string> = { accept: 'application/json', 'user-agent': 'stripe-flow-source' }
  const { accessToken, username, password } = auth
  if (typeof accessToken === 'string' && accessToken !== '') headers['authorization'] = `Bearer ${accessToken}`
  else if (typeof username === 'string' && typeof password === 'string') {
    headers['authorization'] = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`
  }
  for (const [name, header] of Object.entries(rules.headers)) {
    const value = auth[name]
    if (typeof value === 'string') headers[header.toLowerCase()] = value
  }
  return headers
}

/** An absolute URL of a connection's parameters. Throws `FatalSourceError` for anything but http and https. */
export function parseHttpUrl(text: string, what: string): URL {
  const spelled = /^[a-z][a-z0-9+.-]*:\/\//i.test(text) ? text : `https://${text}`
  const url = URL.canParse(spelled) ? new URL(spelled) : null
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.password !== '') {
    throw new FatalSourceError('request', `${what} is no http or https URL without a user; correct it.`)
  }
  return url
}

function sourceUrl(spec: RestSpec, substitution: Substitution): URL {
  const base = parseHttpUrl(fillText(spec.url.host, substitution), 'The host of the source')
  if (base.search !== '' || base.hash !== '') {
    throw new FatalSourceError('request', 'The host of the source holds a query or a fragment; remove it.')
  }
  const path = fillText(spec.url.path, substitution, encodeInPath).replace(/^\/+/, '')
  return new URL(`${base.href.replace(/\/+$/, '')}/${path}`)
}

/** A value stays within its segment; only a resource path may be several of them. */
function encodeInPath(value: string, name: string): string {
  const segments = name === 'resourcePath' ? value.replace(/^\/+/, '').split('/') : [value]
  if (segments.some((segment) => segment === '.' || segment === '..')) {
    throw new FatalSourceError('request', `The parameter ${name} leads out of its place in the path; correct it.`, {
      code: '1312-400',
    })
  }
  return segments.map(encodeURIComponent).join('/')
}

function addQuery(url: URL, spec: RestSpec, substitution: Substitution): void {
  for (const [name, template] of spec.query) {
    const filled = fillJson(template, substitution)
    const values: readonly JsonValue[] = Array.isArray(filled) ? filled : filled === undefined ? [] : [filled]
    for (const value of values) url.searchParams.append(name, textOf(value))
  }
}

function bodyText(spec: RestSpec, substitution: Substitution, headers: Map<string, string>): string | undefined {
  const body = spec.body === undefined ? undefined : fillJson(spec.body, substitution)
  if (body === undefined) return undefined
  const type = headers.get('content-type')
  if (type === undefined) headers.set('content-type', 'application/json')
  if (type?.startsWith(FORM) && isJsonObject(body)) {
    return new URLSearchParams(
      Object.entries(body).map(([name, value]): [string, string] => [name, textOf(value ?? '')]),
    ).toString()
  }
  return typeof body === 'string' ? body : JSON.stringify(body)
}

function textOf(value: JsonValue): string {
  return typeof value === 'object' ? JSON.stringify(value) : String(value)
}

function checkedHeaders(headers: ReadonlyMap<string, string>): Readonly<Record<string, string>> {
  for (const [name, value] of headers) {
    if (/^[\t\x20-\x7e\x80-\xff]*$/.test(value)) continue
    throw new FatalSourceError('request', `The value for the header ${name} holds characters that no header may hold.`)
  }
  return Object.fromEntries(headers)
}
