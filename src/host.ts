import { existsSync } from 'node:fs'
import { chmod, mkdir } from 'node:fs/promises'
import path from 'node:path'
import type { Express } from 'express'
import { v4 } from 'uuid'
import { createAccessTokens } from './auth/access-tokens.ts'
import type { AccessTokens } from './auth/access-tokens.ts'
import { bootstrapClients } from './auth/bootstrap.ts'
import { builtInPlugins } from './built-in-plugins.ts'
import { createDataAccess } from './catalog/files/data-access.ts'
import { systemClock } from './clock.ts'
import type { Clock } from './clock.ts'
import { ConfigError } from './config.ts'
import type { BootstrapClient, Config } from './config.ts'
import type { FlowContext } from './flow/context.ts'
import { createCustomSpecService } from './flow/custom-spec-service.ts'
import type { CustomSpecService } from './flow/custom-spec-service.ts'
import { createRunDispatcher } from './flow/engine/run-dispatcher.ts'
import type { RunDispatcher } from './flow/engine/run-dispatcher.ts'
import { createRunEngine } from './flow/engine/run-engine.ts'
import { RunProgressBoard } from './flow/engine/run-progress.ts'
import { createAuditService } from './flow/audit-service.ts'
import { createRecordHistory } from './flow/record-history.ts'
import { createRecordPages } from './flow/record-pages.ts'
import { createRunEvents } from './flow/run-events.ts'
import { createRunService } from './flow/run-service.ts'
import { createSearch } from './flow/search-index/create-search.ts'
import type { RecordSearch } from './flow/search-index/record-search.ts'
import { loadSpecRegistry } from './flow/load-specs.ts'
import { createSetupService } from './flow/subscription-setups/setup-service.ts'
import { createSetupWorker } from './flow/subscription-setups/setup-worker.ts'
import type { SetupWorker } from './flow/subscription-setups/setup-worker.ts'
import { createWebhooks } from './flow/webhooks/webhooks.ts'
import type { Webhooks } from './flow/webhooks/webhooks.ts'
import { createApp } from './http/app.ts'
import { createAuthenticator } from './http/authentication.ts'
import { auditRoutes } from './http/audit-routes.ts'
import { batchRoutes } from './http/batch-routes.ts'
import { createTokenCodec } from './http/continuation-token.ts'
import type { TokenCodec } from './http/continuation-token.ts'
import { connectionRoutes } from './http/connection-routes.ts'
import { dataAccessRoutes } from './http/data-access-routes.ts'
import { dataSetRoutes } from './http/dataset-routes.ts'
import { exploreRoutes } from './http/explore-routes.ts'
import { flowRoutes } from './http/flow-routes.ts'
import { createListener } from './http/listener.ts'
import { mappingRoutes } from './http/mapping-routes.ts'
import { createMetrics } from './http/metrics.ts'
import type { Metrics } from './http/metrics.ts'
import { recordHistoryRoutes } from './http/record-history-routes.ts'
import { recordRoutes } from './http/record-routes.ts'
import type { PublicRoute, Route } from './http/route.ts'
import { runEventsRoutes } from './http/run-events-routes.ts'
import { runRoutes } from './http/run-routes.ts'
import { schemaRegistryRoutes } from './http/schema-registry-routes.ts'
import { sourceConnectionRoutes } from './http/source-connection-routes.ts'
import { sourcePlanRoutes } from './http/source-plan-routes.ts'
import { specRoutes } from './http/spec-routes.ts'
import { subscriptionSetupRoutes } from './http/subscription-setup-routes.ts'
import { sandboxRoutes, systemRoutes } from './http/system-routes.ts'
import { targetConnectionRoutes } from './http/target-connection-routes.ts'
import { tokenRoutes } from './http/token-endpoint.ts'
import { webhookEventRoutes, webhookRoutes } from './http/webhook-routes.ts'
import { silentLogger } from './logger.ts'
import type { Logger } from './logger.ts'
import type { SourcePlugin } from './plugins/plugin.ts'
import { createRestHttp } from './plugins/rest/http.ts'
import { createRestPlugin } from './plugins/rest/plugin.ts'
import { checkEncryptionKeys, loadEncryptionKeys } from './secrets/encryption-keys.ts'
import { createSecretBox } from './secrets/secret-box.ts'
import { openSqliteStore } from './store/sqlite/sqlite-store.ts'
import type { Store } from './store/store.ts'

/** The package's root: one folder up, from `src` as well as from `dist`. */
const OPENAPI_FILE = new URL('../specs/openapi.yaml', import.meta.url)

/** In-flight requests get so long to finish when the host stops, ms. */
const STOP_GRACE_MS = 5_000

export interface HostOptions {
  readonly config: Config
  readonly plugins: readonly SourcePlugin[]
  /** Opened in `config.dataDir` when absent, and closed by `stop`; a store that is handed in stays open. */
  readonly store?: Store
  /** Silent when absent. */
  readonly logger?: Logger
  readonly clock?: Clock
  /** Makes UUIDs. */
  readonly newId?: () => string
  /** Further rows of the API, made from the host's parts. */
  readonly routes?: (parts: HostParts) => readonly Route[]
}

export interface Host {
  /** The Express app with all routes; mount it anywhere instead of calling `start`. */
  readonly router: Express
  readonly context: FlowContext
  readonly accessTokens: AccessTokens
  /** The first API client, when this start created it: the one time that its secret is at hand. */
  readonly firstClient: BootstrapClient | null
  /** Base of absolute URLs, without a trailing slash; known for sure after `start`. */
  publicUrl(): string
  /** To be told when something has changed at a source, for example by a webhook receiver. */
  readonly subscriptionSetups: Pick<SetupWorker, 'notice'>
  /** Begins to make and work on runs, without listening: for a host whose `router` is mounted in another app. */
  startRuns(): void
  /**
   * Listens and begins to make and work on runs.
   *
   * @throws ConfigError when the address cannot be used
   */
  start(): Promise<{ readonly url: string }>
  /** Takes no more work, finishes what is in hand and closes the store. May be called more than once. */
  stop(): Promise<void>
}

/** What the route tables are made from. */
export interface HostParts {
  readonly config: Config
  readonly context: FlowContext
  readonly tokens: TokenCodec
  readonly accessTokens: AccessTokens
  readonly metrics: Metrics
  /** Base of absolute URLs. A function: the port may be known only after listening. */
  readonly publicUrl: () => string
  readonly customSpecs: CustomSpecService
  readonly recordSearch: RecordSearch
  /** Told of objects that have changed at a source. */
  readonly setups: SetupWorker
}

/**
 * Builds a host: opens the store, proves the encryption key, creates the API clients that the settings name.
 *
 * @throws ConfigError when the settings do not fit the store
 */
export async function createHost(options: HostOptions): Promise<Host> {
  const { config, logger = silentLogger, clock = systemClock, newId = v4 } = options
  const store = options.store ?? (await openStore(config, logger, clock))
  try {
    const keys = await loadEncryptionKeys(config, store.settings)
    await checkEncryptionKeys(keys, store.settings)
    const firstClient = await bootstrapClients({ config, store, clock, newId })

    const specs = loadSpecRegistry()
    const known = [...builtInPlugins(config, specs, () => clock.now()), ...options.plugins]
    const plugins = new Map(known.map((plugin) => [plugin.connectionSpec.id, plugin]))
    const context: FlowContext = {
      store,
      clock,
      logger,
      newId,
      secretBox: createSecretBox(keys),
      specs,
      plugins,
    }
    const http = createRestHttp({ allowedHosts: config.restAllowedHosts })
    const customSpecs = createCustomSpecService(context, {
      specs,
      plugins,
      createPlugin: (document) => createRestPlugin(document, { http, now: () => clock.now() }),
    })
    await customSpecs.load()
    const accessTokens = createAccessTokens(keys, clock)
    const board = new RunProgressBoard()
    const metrics = createMetrics({
      resourcePaths: known.flatMap(({ resources }) => resources.map(({ resourcePath }) => resourcePath)),
      runsInProgress: () => board.size,
    })
    const listener = createListener(config, STOP_GRACE_MS)
    const search = createSearch(context, { isBusy: () => board.size > 0 })
    const parts: HostParts = {
      config,
      context,
      tokens: createTokenCodec(keys.current, keys.old),
      accessTokens,
      metrics,
      publicUrl: () => config.publicUrl ?? listener.url(),
      customSpecs,
      recordSearch: search.records,
      setups: createSetupWorker(context),
    }
    const webhooks = createWebhooks(context, {
      onArrived: () => runs.wake(),
      onNotice: (notice) => {
        parts.setups
          .notice(notice)
          .catch((err: unknown) => logger.warn({ err }, 'no set-up was told of a notification'))
      },
      onOutcome: (receiver, outcome) => metrics.observeWebhook(receiver, outcome),
      sweepMinutes: config.webhookSweepMinutes,
      retentionDays: config.webhookRetentionDays,
    })
    const runs = createRuns(parts, board, webhooks)
    const runEvents = createRunEvents(context, board)
    const dataAccess = createDataAccess({ store, folder: path.join(config.dataDir, 'files') })
    const router = createApp({
      routes: [
        ...apiRoutes(parts, runs),
        ...runEventsRoutes(runEvents),
        ...webhookEventRoutes(webhooks.events, parts.tokens),
        ...dataAccessRoutes({ dataAccess, publicUrl: parts.publicUrl }),
        ...(options.routes?.(parts) ?? []),
      ],
      publicRoutes: [...publicRoutes(parts), ...webhookRoutes(webhooks.service)],
      authenticate: createAuthenticator({ mode: config.authMode, tokens: accessTokens, clients: store.clients, newId }),
      logger,
      metrics,
      clock,
      newId,
    })
    let stopped: Promise<void> | undefined

    return {
      router,
      context,
      accessTokens,
      firstClient,
      subscriptionSetups: parts.setups,
      publicUrl: parts.publicUrl,
      startRuns() {
        runs.start()
        search.start()
        parts.setups.start()
      },
      async start() {
        metrics.collectProcessMetrics()
        await listener.listen(router)
        runs.start()
        search.start()
        parts.setups.start()
        return { url: listener.url() }
      },
      stop() {
        stopped ??= (async () => {
          runEvents.stop()
          await Promise.all([
            listener.close(),
            runs.stop(STOP_GRACE_MS),
            parts.setups.stop(STOP_GRACE_MS),
            search.stop(),
            webhooks.stop(),
            dataAccess.stop(),
          ])
          metrics.registry.clear()
          if (!options.store) await store.close()
        })()
        return stopped
      },
    }
  } catch (error) {
    if (!options.store) await store.close()
    throw error
  }
}

/** All rows that need the API headers. A new resource group is one line here. */
function apiRoutes(parts: HostParts, runs: RunDispatcher): readonly Route[] {
  const { context, tokens, publicUrl, customSpecs, recordSearch, setups } = parts
  const onRunnable = () => runs.wake()
  return [
    ...sandboxRoutes(),
    ...specRoutes(context, customSpecs, tokens),
    ...exploreRoutes(context),
    ...sourcePlanRoutes(context),
    ...connectionRoutes(context, tokens),
    ...subscriptionSetupRoutes(createSetupService(context, { worker: setups }), tokens),
    ...sourceConnectionRoutes(context, tokens),
    ...targetConnectionRoutes(context, tokens),
    ...flowRoutes(context, tokens, { onFlowDue: onRunnable, onFlowDeleted: (flow) => runs.cancel(flow.no) }),
    ...runRoutes(context, tokens, createRunService(context, { onRunnable, publicUrl })),
    ...auditRoutes(context, tokens, createAuditService(context, { onRunnable })),
    ...recordRoutes(createRecordPages(context, recordSearch), tokens),
    ...recordHistoryRoutes(createRecordHistory(context), tokens),
    ...dataSetRoutes(context),
    ...batchRoutes(context),
    ...mappingRoutes(context),
    ...schemaRegistryRoutes({ ...context, tokens, publicUrl }),
  ]
}

/** All rows that are open without API headers. */
function publicRoutes({ context, accessTokens, metrics }: HostParts): readonly PublicRoute[] {
  const { store, logger } = context
  const openapiFile = existsSync(OPENAPI_FILE) ? OPENAPI_FILE : null
  return [
    ...systemRoutes({ store, logger, metrics, openapiFile }),
    ...tokenRoutes({ tokens: accessTokens, clients: store.clients }),
  ]
}

function createRuns(
  { context, config, publicUrl, metrics }: HostParts,
  board: RunProgressBoard,
  { makeRuns }: Pick<Webhooks, 'makeRuns'>,
): RunDispatcher {
  const giveUpMs = config.runGiveUpSeconds * 1000
  const engine = createRunEngine(context, { giveUpMs, publicUrl, observer: metrics.runs, board })
  return createRunDispatcher(context, engine, { makeRuns })
}

async function openStore({ dataDir }: Config, logger: Logger, clock: Clock): Promise<Store> {
  try {
    if ((await mkdir(dataDir, { recursive: true, mode: 0o700 })) !== undefined) await chmod(dataDir, 0o700)
    return await openSqliteStore({ dataDir, logger, clock })
  } catch (cause) {
    throw new ConfigError(`DATA_DIR="${dataDir}" cannot be used: ${messageOf(cause)}`, { cause })
  }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error)
}
