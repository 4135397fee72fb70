import { createSpecRegistry, type OpenSpecRegistry, type SpecDocument } from '../../src/flow/spec-registry.ts'
import type { Host } from '../../src/host.ts'
import type { SourcePlugin } from '../../src/plugins/plugin.ts'
import { createRestHttp } from '../../src/plugins/rest/http.ts'
import { createRestPlugin } from '../../src/plugins/rest/plugin.ts'
import { withXsollaWebhooks } from '../../src/plugins/xsolla/plugin.ts'
import { FLOW_SPEC } from '../support/flow-host.ts'

const SPEC_ID = '7d1f8a0e-54a5-4f0c-9d53-0f1f3d5a9c11'
export const SPEC = { id: SPEC_ID, version: '1.0' }

/** A Self-Serve spec with lists of users and subscriptions, as far as a test has any. */
const DOCUMENT: SpecDocument = {
  id: SPEC_ID,
  name: 'small-xsolla',
  version: '1.0',
  providerId: '0ed90a81-07f4-4586-8190-b40eccef1c5a',
  type: 'generic-rest',
  authSpec: [
    {
      name: 'Basic Authentication',
      type: 'BasicAuthentication',
      spec: {
        type: 'object',
        properties: {
          host: { type: 'string' },
          username: { type: 'string' },
          password: { type: 'string', format: 'password' },
          webhookSecret: {
            type: ['string', 'array'],
            format: 'password',
            pattern: '^[ ,]*[^ ,]+([ ,]+[^ ,]+)?[ ,]*$',
            items: { type: 'string', format: 'password', pattern: '^[^ ,]+$' },
            minItems: 1,
            maxItems: 2,
          },
          userValidationUrl: { type: 'string', pattern: '^https?://[^/?#@\\s]+([/?#]\\S*)?$' },
        },
        required: ['host', 'username', 'password'],
      },
    },
  ],
  sourceSpec: {
    name: 'Small Xsolla',
    type: 'generic-rest',
    spec: {
      type: 'object',
      properties: { resourcePath: { type: 'string', enum: ['subscriptions', 'users', 'notifications'] } },
      required: ['resourcePath'],
    },
    attributes: {
      urlParams: { host: '${host}', path: '/${resourcePath}', method: 'GET' },
      contentPath: { path: '$', overrideWrapperAttribute: 'data' },
      paginationParams: { type: 'NONE' },
      idPath: '$.data.id',
    },
  },
}

export interface XsollaPluginOptions {
  readonly allowedHosts?: readonly string[]
  readonly userCheckTimeoutMs?: number
}

/** The plugin of the spec above, as the host makes it of a specification, with notifications. */
export function createXsollaPlugin({ allowedHosts = [], ...options }: XsollaPluginOptions = {}): SourcePlugin {
  const http = createRestHttp({ allowedHosts })
  return withXsollaWebhooks(createRestPlugin(DOCUMENT, { http }), { http, ...options })
}

/** Makes the spec known to a host as one that is built in, whose patterns have no time limit. */
export function registerSpec({ context }: Host): void {
  const specs = context.specs as OpenSpecRegistry
  const { document } = specs.flowSpec(FLOW_SPEC.id)!
  specs.putFlowSpec({ ...document, sourceConnectionSpecIds: [SPEC_ID] })
  const own = createSpecRegistry({ connectionSpecs: [DOCUMENT], flowSpecs: [] })
  const others = specs.connectionSpec
  specs.connectionSpec = (id) => own.connectionSpec(id) ?? others(id)
}
