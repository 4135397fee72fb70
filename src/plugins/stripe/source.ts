import { FatalSourceError, type Source, type SourceRecord } from '../plugin.ts'
import { readChanges, readNotification, readUndelivered } from './changes.ts'
import type { StripeClient } from './client.ts'
import { toSourceError } from './errors.ts'
import type { JsonObject } from '../../json.ts'
import { readObject, readPage } from './reader.ts'
import {
  EVENTS_PERMISSION,
  isResourcePath,
  passPermission,
  RESOURCE_PATHS,
  STRIPE_RESOURCES,
  type StripeResource,
} from './resources.ts'
import { readSearchPage, SEARCH_PASS } from './search-page.ts'
import type { StripeSearch } from './search-params.ts'

export interface StripeSourceOptions {
  readonly client: StripeClient
  /** What the client authenticates with; kept out of every message. */
  readonly key: string
  /** The version that the client asks for. */
  readonly apiVersion: string
  /** Null to read everything. */
  readonly search?: StripeSearch | null
}

/** Reads one Stripe account through a client. Throws source errors only, and the reason of an aborted signal. */
export function createStripeSource({ client, key, apiVersion, search = null }: StripeSourceOptions): Source {
  async function asking<T>(permission: string, signal: AbortSignal, work: Promise<T>): Promise<T> {
    try {
      return await work
    } catch (error) {
      signal.throwIfAborted()
      throw toSourceError(error, key, permission)
    }
  }

  const marked = (record: SourceRecord): SourceRecord =>
    search === null ? record : { ...record, isSelected: search.selects(record.record.data as JsonObject) }

  return {
    apiVersion,
    parallelism: () => client.parallelism(),
    async check(signal) {
      let refusal: FatalSourceError | undefined
      for (const path of RESOURCE_PATHS) {
        const { listPath, permission } = STRIPE_RESOURCES[path]
        try {
          await asking(permission, signal, client.list(listPath, { limit: '1' }, signal))
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
      const resource = resourceAt(request.resourcePath)
      const permission = passPermission(resource, request.pass)
      const asked = client.telling(request.onSent)
      if (search !== null && request.pass === SEARCH_PASS) {
        return asking(permission, request.signal, readSearchPage(asked, search, request))
      }
      const page = await asking(permission, request.signal, readPage(asked, resource, request))
      return { ...page, records: page.records.map(marked) }
    },
    async readChanges(request) {
      const resource = resourceAt(request.resourcePath)
      if (Object.keys(resource.events).length === 0) {
        throw new FatalSourceError('request', `Stripe announces no changes of ${request.resourcePath}.`)
      }
      return asking(EVENTS_PERMISSION, request.signal, readChanges(client, resource, request))
    },
    async readNotification(request) {
      const resource = resourceAt(request.resourcePath)
      return asking(resource.permission, request.signal, readNotification(client, resource, request))
    },
    async readUndelivered(request) {
      return asking(EVENTS_PERMISSION, request.signal, readUndelivered(client, request))
    },
    async readObject(request) {
      const resource = resourceAt(request.resourcePath)
      const asked = client.telling(request.onSent)
      const reading = await asking(resource.permission, request.signal, readObject(asked, resource, request))
      return reading.state === 'present' ? { ...reading, record: marked(reading.record) } : reading
    },
  }
}

function resourceAt(resourcePath: string): StripeResource {
  if (isResourcePath(resourcePath)) return STRIPE_RESOURCES[resourcePath]
  throw new FatalSourceError('request', `Stripe has no resource path ${resourcePath}.`)
}
