import { readFileSync } from 'node:fs'
import type { JsonObject } from '../../json.ts'
import { FatalSourceError, type SourcePlugin, type SourceResource } from '../plugin.ts'
import { createStripeClient, DEFAULT_API_VERSION } from './client.ts'
import { toSourceError } from './errors.ts'
import { readPage } from './reader.ts'
import { isResourcePath, RESOURCE_PATHS, STRIPE_RESOURCES, type ResourcePath } from './resources.ts'

export interface StripePluginOptions {
  /** Where to call Stripe: `STRIPE_API_BASE`. */
  readonly apiBase: string
}

/**
 * Lists show an object within some seconds of its creation, in bad moments within a minute; twice that is read again.
 */
const OVERLAP_SECONDS = 120

/** The Stripe source: reads six resources with a secret key, a restricted key or an OAuth token. */
export function createStripePlugin({ apiBase }: StripePluginOptions): SourcePlugin {
  return {
    connectionSpec: readJson('connection-spec.json') as SourcePlugin['connectionSpec'],
    resources: RESOURCE_PATHS.map(describeResource),
    connect(auth, params) {
      const key = String(auth.accessToken)
      const apiVersion = typeof params.apiVersion === 'string' ? params.apiVersion : DEFAULT_API_VERSION
      const client = createStripeClient({ apiBase, key, apiVersion })
      const asSourceError = async <T>(work: Promise<T>, signal: AbortSignal): Promise<T> => {
        try {
          return await work
        } catch (error) {
          signal.throwIfAborted()
          throw toSourceError(error, key)
        }
      }

      return {
        apiVersion,
        async check(signal) {
          let refusal: FatalSourceError | undefined
          for (const path of RESOURCE_PATHS) {
            try {
              await asSourceError(client.list(STRIPE_RESOURCES[path].listPath, { limit: '1' }, signal), signal)
              return
            } catch (error) {
              // A restricted key may be closed to this resource and open to the next.
              if (!(error instanceof FatalSourceError) || error.reason !== 'permission') throw error
              refusal ??= error
            }
          }
          throw refusal
        },
        async readPage(request) {
          if (!isResourcePath(request.resourcePath)) {
            throw new FatalSourceError('request', `Stripe has no resource path ${request.resourcePath}.`)
          }
          const resource = STRIPE_RESOURCES[request.resourcePath]
          return asSourceError(readPage(client, resource, request), request.signal)
        },
      }
    },
  }
}

function describeResource(resourcePath: ResourcePath): SourceResource {
  return {
    resourcePath,
    passes: Object.keys(STRIPE_RESOURCES[resourcePath].passes),
    overlapSeconds: OVERLAP_SECONDS,
    builtInSchema: readJson(`specs/schemas/${resourcePath}.json`),
  }
}

/** Reads a file of the package, which lies two folders above both `src/plugins` and `dist/plugins`. */
function readJson(path: string): JsonObject {
  return JSON.parse(readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')) as JsonObject
}
