import type { BodyFault } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { checkFields, matches, parseQuery, SearchQueryError, type SearchQuery } from '../../search/search-query.ts'
import { FatalSourceError } from '../plugin.ts'
import { isResourcePath, RESOURCE_PATHS, STRIPE_RESOURCES, type ResourcePath } from './resources.ts'

/** What a source connection searches for. */
export interface StripeSearch {
  readonly resourcePath: ResourcePath
  /** For example `/v1/charges/search`. */
  readonly path: string
  /** In Stripe's Search language. */
  readonly query: string
  /** True when an object, as Stripe sends it, is what the query asks for. */
  selects(object: JsonObject): boolean
}

/** The oldest version of Stripe's API that can search. */
const OLDEST_VERSION = '2020-08-27'

/**
 * What is wrong with the `query` among a source connection's parameters, and with what does not go with it. Parameters
 * without a query have no fault; those of a draft may lack a resource path.
 */
export function checkSearchParams(params: JsonObject): readonly BodyFault[] {
  const { query, resourcePath, apiVersion } = params
  if (typeof query !== 'string') return []
  const faults: BodyFault[] = []
  const message = faultOf(query, resourcePath)
  if (message !== null) faults.push({ path: '/query', message })
  // Versions are dates, perhaps with a name behind them.
  if (typeof apiVersion === 'string' && apiVersion.slice(0, OLDEST_VERSION.length) < OLDEST_VERSION) {
    const oldest = `with a query give ${OLDEST_VERSION} or newer`
    faults.push({ path: '/apiVersion', message: `apiVersion ${apiVersion} of Stripe cannot search; ${oldest}` })
  }
  return faults
}

/** The search that the parameters ask for; null without a query. Throws `FatalSourceError` for one that is not right. */
export function searchOf(params: JsonObject): StripeSearch | null {
  const { query, resourcePath } = params
  if (typeof query !== 'string') return null
  const [fault] = checkSearchParams(params)
  const path = searchPathOf(resourcePath)
  if (fault !== undefined || path === null || typeof resourcePath !== 'string' || !isResourcePath(resourcePath)) {
    const message = fault?.message ?? 'params name no resource that can be searched'
    throw new FatalSourceError('request', `The parameters of the source are not valid: ${message}.`, {
      code: '1312-400',
    })
  }
  const parsed = parseQuery(query)
  return { resourcePath, path, query, selects: (object) => matches(parsed, object) }
}

/** True when Stripe's Search would take the query for this resource. */
export function isSearchable(query: string, resourcePath: ResourcePath): boolean {
  return faultOf(query, resourcePath) === null
}

function faultOf(query: string, resourcePath: unknown): string | null {
  if (typeof resourcePath === 'string' && searchPathOf(resourcePath) === null) {
    return `${resourcePath} cannot be searched; a query is for ${SEARCHABLE.join(', ')}`
  }
  try {
    const parsed: SearchQuery = parseQuery(query)
    if (typeof resourcePath === 'string') checkFields(parsed, resourcePath)
    return null
  } catch (error) {
    if (!(error instanceof SearchQueryError)) throw error
    return `query is not valid at position ${error.position}: ${error.message.replace(/\.$/, '')}`
  }
}

const SEARCHABLE = RESOURCE_PATHS.filter((path) => STRIPE_RESOURCES[path].searchPath !== null)

function searchPathOf(resourcePath: unknown): string | null {
  if (typeof resourcePath !== 'string' || !isResourcePath(resourcePath)) return null
  return STRIPE_RESOURCES[resourcePath].searchPath
}
