import type { Config } from './config.ts'
import type { SpecRegistry } from './flow/spec-registry.ts'
import type { SourcePlugin } from './plugins/plugin.ts'
import { createRestHttp } from './plugins/rest/http.ts'
import { createRestPlugin } from './plugins/rest/plugin.ts'

/** Sources that a built-in specification describes whole, by its name, and the setting that says where they are. */
const BASES: Readonly<Record<string, (config: Config) => string | undefined>> = {
  xsolla: ({ xsollaApiBase }) => xsollaApiBase,
}

/**
 * The plugins that come with the host and are nothing but a specification. Each may reach public addresses and the host
 * that its own setting names, no other.
 *
 * @param now - milliseconds since the epoch
 */
export function builtInPlugins(config: Config, specs: SpecRegistry, now: () => number): readonly SourcePlugin[] {
  return specs.connectionSpecs().flatMap((document) => {
    if (!Object.hasOwn(BASES, document.name)) return []
    const apiBase = BASES[document.name]?.(config)
    const allowedHosts = apiBase === undefined ? [] : [allowedHost(apiBase)]
    return [createRestPlugin(document, { http: createRestHttp({ allowedHosts }), now, apiBase })]
  })
}

function allowedHost(apiBase: string): string {
  const { hostname, port, protocol } = new URL(apiBase)
  return `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`
}
