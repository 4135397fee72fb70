import { setTimeout as delay } from 'node:timers/promises'
import { FlowServiceError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { FatalSourceError, type SourcePlugin, type SourceResource } from '../plugin.ts'
import { estimateRest } from './estimate.ts'
import type { HttpRequest, RestHttp } from './http.ts'
import { buildPageRequest, credentialHeaders, parseHttpUrl } from './request.ts'
import { pageParameters } from './pagination.ts'
import { readRestPage } from './reader.ts'
import { createRestSession } from './session.ts'
import { parseRestSpec, type RestSource, type RestSpec } from './spec.ts'

export interface RestPluginOptions {
  readonly http: RestHttp
  /** Milliseconds since the epoch. */
  readonly now?: () => number
  /** Takes the place of scheme, host and port of every host that the spec itself names; without a trailing slash. */
  readonly apiBase?: string | undefined
  /** Waits, or rejects when the signal aborts. */
  readonly pause?: (ms: number, signal: AbortSignal) => Promise<void>
}

/** What becomes visible late is found again; without an id it could not be told from something new. */
const OVERLAP_SECONDS = 120
const PASSES = ['all']

/** The source that a Self-Serve connection spec describes. Throws `RestSpecError` when the spec cannot be interpreted. */
export function createRestPlugin(
  connectionSpec: SourcePlugin['connectionSpec'],
  { http, now = Date.now, apiBase, pause = pauseReally }: RestPluginOptions,
): SourcePlugin {
  const source = rebased(parseRestSpec(connectionSpec), apiBase)
  const { fromParams, allowed } = source.resources
  return {
    connectionSpec,
    resources: (allowed.length > 0 ? allowed : [source.name]).map((resourcePath) => describe(source, resourcePath)),
    resourceOf({ resourcePath = source.resources.fallback }) {
      if (!fromParams) return describe(source, source.name)
      return typeof resourcePath === 'string' && resourcePath !== '' ? describe(source, resourcePath) : undefined
    },
    connect(auth, params, context) {
      const session = createRestSession({ http, rules: source.auth, auth, context, now })
      const { logger } = context
      const readerOf = (resourcePath: string) => ({
        ...{ spec: listOf(source, resourcePath), session, logger, now, pause },
        params: { resourcePath, ...params },
      })
      return {
        async check(signal) {
          await session.send((current) => checkRequest(source, current, params, now()), signal)
        },
        readPage: (request) => readRestPage(readerOf(request.resourcePath), request),
        estimate: (request) => estimateRest(readerOf(request.resourcePath), request),
      }
    },
  }
}

function listOf({ list, lists }: RestSource, resourcePath: string): RestSpec {
  return lists.get(resourcePath) ?? list
}

/** Hosts that are a connection's parameter stay what they are. */
function rebased(source: RestSource, apiBase: string | undefined): RestSource {
  if (apiBase === undefined) return source
  const onBase = (spec: RestSpec): RestSpec => {
    if (spec.url.host.includes('${')) return spec
    const { pathname } = parseHttpUrl(spec.url.host, 'The host of the source')
    return { ...spec, url: { ...spec.url, host: `${apiBase}${pathname}` } }
  }
  const lists = [...source.lists].map(([resourcePath, spec]) => [resourcePath, onBase(spec)] as const)
  return { ...source, list: onBase(source.list), lists: new Map(lists) }
}

function describe(source: RestSource, resourcePath: string): SourceResource {
  const spec = listOf(source, resourcePath)
  const wrapper = spec.content.wrapper ?? spec.content.names.at(-1)
  const empty = { type: 'object', properties: {} }
  return {
    resourcePath,
    passes: PASSES,
    overlapSeconds: spec.idPaths.length > 0 ? OVERLAP_SECONDS : 0,
    builtInSchema: wrapper === undefined ? empty : { type: 'object', properties: { [wrapper]: empty } },
    ...(spec.declaredSchema === null ? {} : { declaredSchema: spec.declaredSchema }),
  }
}

/** Without a test URL the credential is tried on the first list that it fits. */
function checkRequest(source: RestSource, auth: JsonObject, params: JsonObject, now: number): HttpRequest {
  const url = auth['authorizationTestUrl']
  if (typeof url !== 'string' || url.trim() === '') return firstPage(source, auth, params, now)
  const headers = credentialHeaders(source.list, auth)
  return { method: 'GET', url: parseHttpUrl(url, 'authorizationTestUrl'), headers }
}

/** A list may need parameters of a source connection. */
function firstPage(source: RestSource, auth: JsonObject, params: JsonObject, now: number): HttpRequest {
  const lists = source.lists.size === 0 ? [source.list] : [...source.lists.values()]
  const fitting = lists.find(({ authSpec }) => authSpec === null || authSpec.required.every((name) => auth[name]))
  const spec = fitting ?? source.list
  const page = pageParameters(spec.pagination, null)
  try {
    return buildPageRequest(spec, { auth, params, window: { from: null, to: null }, page, now })
  } catch (error) {
    if (!(error instanceof FatalSourceError) || error.code !== '1304-400') throw error
    const remedy = source.auth.names.includes('authorizationTestUrl')
      ? 'Give authorizationTestUrl in auth.params, or explore with sourceParams.'
      : 'Explore with sourceParams instead.'
    throw new FlowServiceError('1304-400', `The credential cannot be tried: ${error.message} ${remedy}`)
  }
}

function pauseReally(ms: number, signal: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal })
}
