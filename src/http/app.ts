import { pipeline } from 'node:stream/promises'
import { Readable } from 'node:stream'
import express from 'express'
import type { Express, NextFunction, Request, RequestHandler, Response } from 'express'
import helmet from 'helmet'
import type { Tenant } from '../caller.ts'
import type { Clock } from '../clock.ts'
import { FlowServiceError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Authenticate } from './authentication.ts'
import { readBody, readJsonBody } from './body.ts'
import type { Metrics } from './metrics.ts'
import { isExpected, problemResponse } from './problem.ts'
import { parseQuery } from './query-parameters.ts'
import { SCHEMA_REGISTRY } from './route.ts'
import type { ApiResponse, PublicRoute, Route } from './route.ts'

export interface AppOptions {
  /** Rows that need the API headers. */
  readonly routes: readonly Route[]
  readonly publicRoutes: readonly PublicRoute[]
  readonly authenticate: Authenticate
  readonly logger: Logger
  readonly metrics: Metrics
  readonly clock: Pick<Clock, 'now'>
  readonly newId: () => string
}

/** What is known of a request while it runs; kept in `response.locals.state`. */
interface RequestState {
  readonly requestId: string
  /** Path template of the matched route. */
  route?: string
  tenant?: Tenant
}

interface Row extends Pick<Route, 'method' | 'path'> {
  readonly run: (request: Request, response: Response) => Promise<ApiResponse>
}

/** An id that a client may bring along, so that its own log and ours can be joined. */
const REQUEST_ID = /^[A-Za-z0-9._-]{1,128}$/

/** The Express app: all routes, their errors, one log line and one observation per request. */
export function createApp(options: AppOptions): Express {
  const app = express()
  app.disable('x-powered-by')
  app.set('etag', false)
  app.use(observed(options))
  app.use(helmet())
  app.use(routerOf(rowsOf(options)))
  app.use((request) => {
    throw new FlowServiceError('1101-404', `There is no resource at ${pathOf(request)}; check the path.`)
  })
  app.use(answerError(options))
  return app
}

function rowsOf({ routes, publicRoutes, authenticate }: AppOptions): readonly Row[] {
  const guarded = routes.map((route): Row => ({
    method: route.method,
    path: route.path,
    run: async (request, response) => {
      const state = stateOf(response)
      const caller = await authenticate(request.headersDistinct, state.requestId)
      state.tenant = caller.tenant
      const body = await readJsonBody(request, route)
      const query = parseQuery(request.url)
      const header = request.headers['if-match']
      const ifMatch = header === undefined || header === '' ? query['if-match']?.at(-1) : header
      const { accept, range } = request.headers
      const headOnly = request.method === 'HEAD'
      const params = paramsOf(request, route)
      const idempotencyKey = request.headersDistinct['idempotency-key']?.at(-1)
      return route.handler({ caller, params, query, body, ifMatch, idempotencyKey, accept, range, headOnly })
    },
  }))
  const open = publicRoutes.map((route): Row => ({
    method: route.method,
    path: route.path,
    run: (request, response) =>
      route.handler({
        params: paramsOf(request, route),
        query: parseQuery(request.url),
        headers: request.headers,
        requestId: stateOf(response).requestId,
        readBody: () => readBody(request),
      }),
  }))
  return [...open, ...guarded]
}

/**
 * One Express route per path, so that a known path with another method is 405. A literal segment wins over a parameter,
 * whatever the order of the rows. Express matches before it decodes: `%2F` stays inside its segment.
 */
function routerOf(rows: readonly Row[]): express.Router {
  const router = express.Router({ caseSensitive: true, strict: false })
  const byShape = [...Map.groupBy(rows, (row) => shapeOf(row.path))].sort(([a], [b]) =>
    sortKey(a) < sortKey(b) ? -1 : 1,
  )
  for (const [shape, rowsOfShape] of byShape) {
    const route = router.route(shape)
    for (const row of rowsOfShape) route[methodName(row.method)](handlerOf(row))
    const allowed = rowsOfShape.map((row) => row.method)
    const path = rowsOfShape[0]?.path
    route.all((request, response) => {
      stateOf(response).route = path
      response.setHeader('Allow', [...allowed, ...(allowed.includes('GET') ? ['HEAD'] : [])].join(', '))
      throw new FlowServiceError('1000-405', `${request.method} is not possible here; allowed: ${allowed.join(', ')}.`)
    })
  }
  return router
}

const PARAMETER = /(?<=\/):(\w+)/g

/** The path with numbered parameters: rows may call the same parameter by different names. */
function shapeOf(path: string): string {
  let number = 0
  return path.replaceAll(PARAMETER, () => `:p${number++}`)
}

/** The percent-decoded path parameters under the names that the row gives them. */
function paramsOf(request: Request, { path }: Pick<Route, 'path'>): Readonly<Record<string, string>> {
  const names = [...path.matchAll(PARAMETER)].map(([, name = '']) => name)
  return Object.fromEntries(names.map((name, number) => [name, String(request.params[`p${number}`])]))
}

function methodName(method: Route['method']): Lowercase<Route['method']> {
  return method.toLowerCase() as Lowercase<Route['method']>
}

/** Sorts literal segments before parameters at the first place where two paths differ. */
function sortKey(shape: string): string {
  return shape.replaceAll(PARAMETER, '\uffff')
}

function handlerOf(row: Row): RequestHandler {
  return async (request, response) => {
    stateOf(response).route = row.path
    await send(response, await row.run(request, response))
  }
}

async function send(response: Response, answer: ApiResponse): Promise<void> {
  const { status, headers = {}, body, raw } = answer
  const text = answer.json ?? (body === undefined ? undefined : JSON.stringify(body))
  response.statusCode = status
  if (raw === undefined && text !== undefined) response.setHeader('Content-Type', 'application/json')
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value)
  if (raw instanceof Readable) await pipeline(raw, response)
  else response.end(raw ?? text)
}

function answerError({ logger, clock }: AppOptions) {
  // Express tells an error handler by its four parameters.
  return async (thrown: unknown, request: Request, response: Response, _next: NextFunction): Promise<void> => {
    const error = isMalformedPath(thrown, response)
      ? new FlowServiceError('1101-404', `There is no resource at ${pathOf(request)}; its percent-encoding is damaged.`)
      : thrown
    const { requestId, route, tenant } = stateOf(response)
    if (!isExpected(error) && !isHangUp(error))
      logger.error({ err: error, requestId, method: request.method, route }, 'Request failed')
    if (response.headersSent) {
      response.destroy()
      return
    }
    const registryFailedAt = request.path.startsWith(`${SCHEMA_REGISTRY}/`) ? clock.now() : undefined
    await send(response, problemResponse(error, { requestId, tenant, registryFailedAt }))
  }
}

/** The router could not decode a path parameter, so it came to no route. */
function isMalformedPath(error: unknown, response: Response): boolean {
  return error instanceof URIError && stateOf(response).route === undefined
}

/** The client went away while a stream was on its way to it. */
function isHangUp(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ERR_STREAM_PREMATURE_CLOSE'
}

/** Gives every request its id, and one log line and one observation when it is over. No headers, no query, no bodies. */
function observed({ logger, metrics, clock, newId }: AppOptions): RequestHandler {
  return (request, response, next) => {
    const sentId = request.headers['x-request-id']
    const state: RequestState = {
      requestId: typeof sentId === 'string' && REQUEST_ID.test(sentId) ? sentId : newId(),
    }
    const path = pathOf(request)
    const startedAt = clock.now()
    response.locals['state'] = state
    response.setHeader('x-request-id', state.requestId)
    response.once('close', () => {
      const { method } = request
      const { requestId, route, tenant } = state
      const status = response.statusCode
      const ms = clock.now() - startedAt
      metrics.observeRequest({ method, route, status, seconds: ms / 1000 })
      const aborted = response.writableFinished ? {} : { aborted: true }
      logger.info(
        { method, route: route ?? path, status, ms, requestId, orgId: tenant?.orgId, ...aborted },
        'Request answered',
      )
    })
    next()
  }
}

function stateOf(response: Response): RequestState {
  return response.locals['state']
}

/** The path as sent, without the query. */
function pathOf(request: Request): string {
  return request.originalUrl.split('?', 1)[0] ?? ''
}
