import type { JsonObject } from '../../../src/json.ts'
import { silentLogger } from '../../../src/logger.ts'
import type { Logger } from '../../../src/logger.ts'
import type { CreatedWindow, Page, PluginContext, Source, SourcePlugin } from '../../../src/plugins/plugin.ts'
import { createRestHttp } from '../../../src/plugins/rest/http.ts'
import type { RestHttpOptions } from '../../../src/plugins/rest/http.ts'
import { createRestPlugin } from '../../../src/plugins/rest/plugin.ts'
import type { TestSource } from './test-source.ts'

export interface RestRequest {
  readonly server: TestSource
  /** `sourceSpec.attributes`; they win over those of a plain list without pages at `/items`. */
  readonly attributes?: JsonObject
  /** `sourceSpec.spec.properties`. */
  readonly properties?: JsonObject
  readonly authProperties?: JsonObject
  readonly auth?: JsonObject
  readonly params?: JsonObject
  readonly http?: Partial<RestHttpOptions>
  readonly logger?: Logger
  readonly renewAuth?: PluginContext['renewAuth']
  readonly now?: number
}

/** 2026-07-01T12:00:00Z. */
export const NOW = 1_782_907_200_000
export const EVERYTHING: CreatedWindow = { from: null, to: null }

export function restSpec({ server, attributes, properties = {}, authProperties = {} }: RestRequest) {
  const secret = { type: 'string', format: 'password' }
  return {
    id: 'a2b1c3d4-0000-4000-8000-000000000001',
    name: 'test source',
    version: '1.0',
    authSpec: [
      {
        name: 'OAuth2 Refresh Code',
        type: 'OAuth2RefreshCode',
        spec: { type: 'object', properties: { accessToken: secret, ...authProperties } },
      },
    ],
    sourceSpec: {
      spec: { type: 'object', properties },
      attributes: {
        urlParams: { host: server.url, path: '/items', method: 'GET' },
        contentPath: { path: '$.items' },
        paginationParams: { type: 'NONE' },
        ...attributes,
      },
    },
  }
}

export function restPlugin(request: RestRequest): SourcePlugin {
  const http = createRestHttp({ allowedHosts: [request.server.host], ...request.http })
  return createRestPlugin(restSpec(request), { http, now: () => request.now ?? NOW })
}

export function openRest(request: RestRequest): Source {
  const { auth = { accessToken: 'token-1' }, params = {}, logger = silentLogger, renewAuth } = request
  return restPlugin(request).connect(auth, params, { logger, ...(renewAuth ? { renewAuth } : {}) })
}

export function readPage(source: Source, cursor: string | null = null, window = EVERYTHING): Promise<Page> {
  const signal = AbortSignal.timeout(10_000)
  return source.readPage({ resourcePath: 'test source', pass: 'all', window, cursor, limit: 100, signal })
}

/** All records, page by page, as the engine reads them. */
export async function readAll(source: Source, window = EVERYTHING): Promise<JsonObject[]> {
  const records: JsonObject[] = []
  let cursor: string | null = null
  do {
    const page: Page = await readPage(source, cursor, window)
    if (page.nextCursor !== null && page.nextCursor === cursor) throw new Error('The cursor did not advance.')
    records.push(...page.records.map(({ record }) => record))
    cursor = page.nextCursor
  } while (cursor !== null)
  return records
}

/** A `FatalSourceError` or `RetriableSourceError`, whichever it is. */
export interface AnySourceError extends Error {
  readonly reason: string
  readonly status?: number
  readonly retryAfterMs?: number
}

/** What a promise was rejected with. */
export async function failure<E extends Error>(work: Promise<unknown>): Promise<E> {
  try {
    await work
  } catch (error) {
    return error as E
  }
  throw new Error('It did not fail.')
}
