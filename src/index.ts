export { createHost, type Host, type HostOptions, type HostParts } from './host.ts'
export { ConfigError, loadConfig, type Config } from './config.ts'
export { createStripePlugin, type StripePluginOptions } from './plugins/stripe/plugin.ts'
export {
  FatalSourceError,
  RetriableSourceError,
  type CreatedWindow,
  type Cursor,
  type Page,
  type PluginContext,
  type ReadPageRequest,
  type Source,
  type SourcePlugin,
  type SourceRecord,
  type SourceResource,
} from './plugins/plugin.ts'
export type { Clock } from './clock.ts'
export type { Logger } from './logger.ts'
export type { Route } from './http/route.ts'
