import { readFile } from 'node:fs/promises'
import { FlowServiceError } from '../errors.ts'
import type { Logger } from '../logger.ts'
import type { Store } from '../store/store.ts'
import { DOCS_PAGE_POLICY, docsPage } from './docs-page.ts'
import type { ApiDescription } from './docs-page.ts'
import type { Metrics } from './metrics.ts'
import type { PublicRoute, Route } from './route.ts'

export interface SystemRouteOptions {
  readonly store: Pick<Store, 'ping'>
  readonly logger: Logger
  readonly metrics: Metrics
  /** The API description, YAML; null when the installation has none. */
  readonly openapiFile: string | URL | null
}

/** Probes, figures and the API description; open to everybody, they hold nothing of an account. */
export function systemRoutes({ store, logger, metrics, openapiFile }: SystemRouteOptions): readonly PublicRoute[] {
  return [
    { method: 'GET', path: '/health', handler: async () => ({ status: 200, body: { status: 'up' } }) },
    {
      method: 'GET',
      path: '/ready',
      handler: async () => {
        try {
          await store.ping()
          return { status: 200, body: { status: 'ready' } }
        } catch (err) {
          logger.error({ err }, 'The store cannot be read')
          return { status: 503, body: { status: 'unavailable', detail: 'The store cannot be read.' } }
        }
      },
    },
    {
      method: 'GET',
      path: '/metrics',
      handler: async () => ({
        status: 200,
        headers: { 'Content-Type': metrics.registry.contentType },
        raw: await metrics.registry.metrics(),
      }),
    },
    ...(openapiFile === null ? [] : descriptionRoutes(openapiFile)),
  ]
}

/** The description for tools and, as a page, for readers. */
function descriptionRoutes(file: string | URL): readonly PublicRoute[] {
  // Made on the first call: parsing takes longer than the whole start of the host.
  const description = once(() => parseDescription(file))
  const json = once(async () => JSON.stringify(await description()))
  const page = once(async () => docsPage(await description()))
  const headers = { 'Content-Type': 'text/html; charset=utf-8', 'Content-Security-Policy': DOCS_PAGE_POLICY }
  return [
    { method: 'GET', path: '/openapi.json', handler: async () => ({ status: 200, json: await json() }) },
    { method: 'GET', path: '/docs', handler: async () => ({ status: 200, headers, raw: await page() }) },
  ]
}

function once<Value>(make: () => Promise<Value>): () => Promise<Value> {
  let made: Promise<Value> | undefined
  return () => (made ??= make())
}

async function parseDescription(file: string | URL): Promise<ApiDescription> {
  const [{ parse }, text] = await Promise.all([import('yaml'), readFile(file, 'utf8')])
  return parse(text)
}

/** The sandbox look-up of the platform, which a client in its oldest authentication mode calls first. */
export function sandboxRoutes(): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/data/foundation/sandbox-management/sandboxes/:name',
      handler: async ({ caller: { tenant }, params: { name = '' } }) => {
        if (name !== tenant.sandboxName) {
          throw new FlowServiceError('2100-404', `The sandbox "${name}" is not the one that x-sandbox-name names.`)
        }
        const { sandboxId: id, sandboxName } = tenant
        return { status: 200, body: { id, name: sandboxName, title: sandboxName, state: 'active', type: 'production' } }
      },
    },
  ]
}
