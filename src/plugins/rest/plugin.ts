import { setTimeout as delay } from 'node:timers/promises'
import { FlowServiceError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { FatalSourceError, type SourcePlugin, type SourceResource } from '../plugin.ts'
import type { RestHttp } from './http.ts'
import { buildPageRequest, credentialHeaders, parseHttpUrl } from './request.ts'
import { pageParameters } from './pagination.ts'
import { readRestPage } from './reader.ts'
import { createRestSession } from './session.ts'
import { parseRestSpec, type RestSpec } from './spec.ts'

export interface RestPluginOptions {
  readonly http: RestHttp
  /** Milliseconds since the epoch. */
  readonly now?: () => number
}

/** What becomes visible late is found again; without an id it could not be told from something new. */
const OVERLAP_SECONDS = 120
const PASSES = ['all']

/** The source that a Self-Serve connection spec describes. Throws `RestSpecError` when the spec cannot be interpreted. */
export function createRestPlugin(
  connectionSpec: SourcePlugin['connectionSpec'],
  { http, now = Date.now }: RestPluginOptions,
): SourcePlugin {
  const spec = parseRestSpec(connectionSpec)
  const { fromParams, allowed } = spec.resources
  return {
    connectionSpec,
    resources: (allowed.length > 0 ? allowed : [spec.name]).map((resourcePath) => describe(spec, resourcePath)),
    resourceOf({ resourcePath }) {
      if (!fromParams) return describe(spec, spec.name)
      return typeof resourcePath === 'string' && resourcePath !== '' ? describe(spec, resourcePath) : undefined
    },
    connect(auth, params, context) {
      const session = createRestSession({ http, rules: spec.auth, auth, context, now })
      const reader = { spec, session, params, logger: context.logger, now, pause }
      return {
        async check(signal) {
          await session.send((current) => {
            const url = current['authorizationTestUrl']
            if (typeof url !== 'string' || url.trim() === '') return firstPage(spec, current, params, now())
            const headers = credentialHeaders(spec, current)
            return { method: 'GET', url: parseHttpUrl(url, 'authorizationTestUrl'), headers }
          }, signal)
        },
        readPage: (request) => readRestPage(reader, request),
      }
    },
  }
}

function describe(spec: RestSpec, resourcePath: string): SourceResource {
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

/** Without a test URL the credential is tried on the list itself, which may need parameters of a source connection. */
function firstPage(spec: RestSpec, auth: JsonObject, params: JsonObject, now: number) {
  const page = pageParameters(spec.pagination, null)
  try {
    return buildPageRequest(spec, { auth, params, window: { from: null, to: null }, page, now })
  } catch (error) {
    if (!(error instanceof FatalSourceError) || error.code !== '1304-400') throw error
    throw new FlowServiceError(
      '1304-400',
      `The credential cannot be tried: ${error.message} Give authorizationTestUrl in auth.params, or explore with sourceParams.`,
    )
  }
}

function pause(ms: number, signal: AbortSignal): Promise<void> {
  return delay(ms, undefined, { signal })
}
