import { readFileSync } from 'node:fs'
import type { Clock } from '../../clock.ts'
import type { JsonObject } from '../../json.ts'
import type { ChangeFeedRules, SelectionRules, SourcePlugin, SourceResource } from '../plugin.ts'
import { createAccountBudgets } from './budget.ts'
import { createStripeClient, DEFAULT_API_VERSION, type StripeClientOptions } from './client.ts'
import { COUNTING_API_VERSION, createStripeEstimator } from './estimate.ts'
import { createKakaoPaySetups } from './kakao-pay/kakao-pay-setups.ts'
import { passNames, RESOURCE_PATHS, STRIPE_RESOURCES, type ResourcePath } from './resources.ts'
import { createSearchEstimator } from './search-estimate.ts'
import { SEARCH_PASS } from './search-page.ts'
import { checkSearchParams, searchOf } from './search-params.ts'
import { createStripeSource } from './source.ts'
import { stripeWebhooks } from './webhooks.ts'

export interface StripePluginOptions {
  /** Where to call Stripe: `STRIPE_API_BASE`. */
  readonly apiBase: string
  /** The part of an account's limits that the host may take, above 0 and at most 1. @defaultValue 0.8 */
  readonly share?: number
  /** Requests a second for a whole account. @defaultValue what Stripe publishes for the mode of the key */
  readonly rateGlobal?: number
  /** Requests a second for one endpoint of an account. @defaultValue what Stripe publishes */
  readonly rateEndpoint?: number
  /** Requests to one account that may be under way together. */
  readonly concurrency?: number
  /** Sends the requests; a stand-in in tests that control the network. */
  readonly httpClient?: StripeClientOptions['httpClient']
  /** What the budgets, and pauses between two requests, tell time by. @defaultValue the system's clocks */
  readonly clock?: Clock
}

/** Leaves room for what the merchant's own systems ask of the same limits. */
const DEFAULT_SHARE = 0.8

/**
 * Lists show an object within some seconds of its creation, in bad moments within a minute; twice that is read again.
 */
const OVERLAP_SECONDS = 120

/** Stripe keeps events for 30 days, and lists one within minutes of the change. */
const CHANGE_FEED: ChangeFeedRules = { horizonSeconds: 30 * 86_400, overlapSeconds: 300 }

/** Search finds an object normally within a minute, and within an hour when Stripe has a bad day. */
const SEARCH: SelectionRules = {
  lagSeconds: 3600,
  note:
    'The records were found by Stripe’s Search, whose index is normally less than a minute and in bad times up to an hour ' +
    'behind. What Stripe announced as changed in that hour was read by its id.',
}

/**
 * The Stripe source: reads six resources with a secret key, a restricted key or an OAuth token. All its connections to
 * one account share one budget of requests.
 */
export function createStripePlugin(options: StripePluginOptions): SourcePlugin {
  const { apiBase, share = DEFAULT_SHARE, rateGlobal, rateEndpoint, concurrency, httpClient, clock } = options
  const resources = RESOURCE_PATHS.map(describeResource)
  const budgets = createAccountBudgets({ share, rateGlobal, rateEndpoint, concurrency, clock })
  return {
    connectionSpec: readJson('connection-spec.json') as SourcePlugin['connectionSpec'],
    resources,
    isSearchable: true,
    resourceOf(params) {
      const resource = resources.find(({ resourcePath }) => resourcePath === params.resourcePath)
      return resource !== undefined && typeof params.query === 'string' ? searchedResource(resource) : resource
    },
    checkParams: checkSearchParams,
    subscriptionSetups: createKakaoPaySetups((key, apiVersion, { owner, observer }) =>
      createStripeClient({ apiBase, key, apiVersion, budget: budgets.of(key), owner, observer, httpClient }),
    ),
    webhooks: stripeWebhooks,
    connect(auth, params, { owner, observer }) {
      const key = String(auth.accessToken)
      const search = searchOf(params)
      const apiVersion = typeof params.apiVersion === 'string' ? params.apiVersion : DEFAULT_API_VERSION
      const budget = budgets.of(key)
      const clientOptions = { apiBase, key, budget, owner, observer, httpClient, clock }
      const client = createStripeClient({ ...clientOptions, apiVersion })
      return {
        ...createStripeSource({ client, key, apiVersion, search }),
        estimate(request) {
          if (search !== null) {
            const { searchesPerSecond: requestsPerSecond } = budget
            return createSearchEstimator({ client, search, key, requestsPerSecond })(request)
          }
          const countingClient = createStripeClient({ ...clientOptions, apiVersion: COUNTING_API_VERSION })
          const searchClient = createStripeClient({ ...clientOptions, apiVersion: DEFAULT_API_VERSION })
          const { perSecond: requestsPerSecond } = budget
          return createStripeEstimator({ client, countingClient, searchClient, key, requestsPerSecond })(request)
        },
      }
    },
  }
}

function describeResource(resourcePath: ResourcePath): SourceResource {
  const resource = STRIPE_RESOURCES[resourcePath]
  const { embeddedPass, events, deletable } = resource
  return {
    resourcePath,
    passes: passNames(resource),
    ...(embeddedPass === null ? {} : { optionalPasses: [embeddedPass.name] }),
    // Every list of Stripe's comes newest first and filters on creation to the second.
    divisible: true,
    deletable,
    ...(Object.keys(events).length === 0 ? {} : { changeFeed: CHANGE_FEED }),
    overlapSeconds: OVERLAP_SECONDS,
    builtInSchema: readJson(`specs/schemas/${resourcePath}.json`),
  }
}

/** The same resource when a query selects some of its objects. Search pages only from one page to the next. */
function searchedResource(resource: SourceResource): SourceResource {
  return {
    ...resource,
    passes: [SEARCH_PASS],
    optionalPasses: [],
    divisible: false,
    overlapSeconds: SEARCH.lagSeconds,
    selection: SEARCH,
  }
}

/** Reads a file of the package, which lies two folders above both `src/plugins` and `dist/plugins`. */
function readJson(path: string): JsonObject {
  return JSON.parse(readFileSync(new URL(`../../../${path}`, import.meta.url), 'utf8')) as JsonObject
}
