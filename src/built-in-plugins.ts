import type { Config } from './config.ts'
import type { SpecRegistry } from './flow/spec-registry.ts'
import type { SourcePlugin } from './plugins/plugin.ts'
import { createRestHttp, type RestHttp } from './plugins/rest/http.ts'
import { createRestPlugin } from './plugins/rest/plugin.ts'
import { withXsollaWebhooks } from './plugins/xsolla/plugin.ts'

interface BuiltIn {
  /** The setting that says where the source is. */
  readonly apiBase: (config: Config) => string | undefined
  /** Adds what a specification cannot express; `http` reaches what custom specs may reach. */
  readonly extend: (plugin: SourcePlugin, options: { readonly http: RestHttp }) => SourcePlugin
}

/** Sources whose lists a built-in specification describes whole, by its name. */
const BUILT_INS: Readonly<Record<string, BuiltIn>> = {
  xsolla: { apiBase: ({ xsollaApiBase }) => xsollaApiBase, extend: withXsollaWebhooks },
}

/**
 * The plugins that come with the host as a specification. Each may read from public addresses and the host that its own
 * setting names, no other.
 *
 * @param now - milliseconds since the epoch
 */
export function builtInPlugins(config: Config, specs: SpecRegistry, now: () => number): readonly SourcePlugin[] {
  return specs.connectionSpecs().flatMap((document) => {
    const builtIn = Object.hasOwn(BUILT_INS, document.name) ? BUILT_INS[document.name] : undefined
    if (builtIn === undefined) return []
    const apiBase = builtIn.apiBase(config)
    const allowedHosts = apiBase === undefined ? [] : [allowedHost(apiBase)]
    const plugin = createRestPlugin(document, { http: createRestHttp({ allowedHosts }), now, apiBase })
    return [builtIn.extend(plugin, { http: createRestHttp({ allowedHosts: config.restAllowedHosts }) })]
  })
}

function allowedHost(apiBase: string): string {
  const { hostname, port, protocol } = new URL(apiBase)
  return `${hostname}:${port || (protocol === 'https:' ? 443 : 80)}`
}
