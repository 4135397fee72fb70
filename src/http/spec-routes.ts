import type { Caller } from '../caller.ts'
import { FlowServiceError, notFound } from '../errors.ts'
import type { FlowContext } from '../flow/context.ts'
import type { CustomSpecService } from '../flow/custom-spec-service.ts'
import type { SpecDocument } from '../flow/spec-registry.ts'
import type { TokenCodec } from './continuation-token.ts'
import { pathId } from './entity-routes.ts'
import { FLOW_SERVICE } from './route.ts'
import type { ApiRequest, Route } from './route.ts'
import { createSpecLists } from './spec-lists.ts'
import type { SpecLists } from './spec-lists.ts'

/** The connection specs and flow specs, built-in and custom. They are the same for every organisation. */
export function specRoutes(
  { specs }: Pick<FlowContext, 'specs'>,
  customSpecs: CustomSpecService,
  tokens: TokenCodec,
): readonly Route[] {
  const lists = createSpecLists(tokens)
  return [
    ...readRoutes('connectionSpecs', lists, () => specs.connectionSpecs()),
    ...readRoutes('flowSpecs', lists, () => specs.flowSpecs()),
    ...writeRoutes('connectionSpecs', customSpecs.createConnectionSpec, customSpecs.replaceConnectionSpec),
    ...writeRoutes('flowSpecs', customSpecs.createFlowSpec, customSpecs.replaceFlowSpec),
    {
      method: 'POST',
      path: `${FLOW_SERVICE}/flowSpecs/search`,
      body: 'optional',
      handler: async (request) => lists.search(request, 'flowSpecs', specs.flowSpecs()),
    },
    {
      method: 'GET',
      path: `${FLOW_SERVICE}/connectionSpecs/:id/explore`,
      handler: async (request) => {
        const { name } = specNamed(request, 'connectionSpecs', specs.connectionSpecs())
        throw new FlowServiceError(
          '1372-400',
          `The source ${name} cannot be explored without a credential; make a connection and explore that.`,
        )
      },
    },
    {
      method: 'GET',
      path: `${FLOW_SERVICE}/connectionSpecs/:id/configs`,
      handler: async (request) => {
        specNamed(request, 'connectionSpecs', specs.connectionSpecs())
        return { status: 200, body: { items: [], pageInfo: { hasNext: false } } }
      },
    },
  ]
}

function readRoutes(
  collection: 'connectionSpecs' | 'flowSpecs',
  lists: SpecLists,
  all: () => readonly SpecDocument[],
): readonly Route[] {
  return [
    {
      method: 'GET',
      path: `${FLOW_SERVICE}/${collection}`,
      handler: async (request) => lists.list(request, collection, all()),
    },
    {
      method: 'GET',
      path: `${FLOW_SERVICE}/${collection}/:id`,
      handler: async (request) => ({ status: 200, body: { items: [specNamed(request, collection, all())] } }),
    },
  ]
}

/** Specs answer with themselves, not with a receipt. */
function writeRoutes(
  collection: string,
  create: (caller: Caller, body: unknown) => Promise<SpecDocument>,
  replace: (caller: Caller, id: string, body: unknown) => Promise<SpecDocument>,
): readonly Route[] {
  const path = `${FLOW_SERVICE}/${collection}`
  return [
    {
      method: 'POST',
      path,
      body: 'required',
      handler: async ({ caller, body }) => {
        const document = await create(caller, body)
        return { status: 201, headers: { Location: `${path}/${document.id}` }, body: document }
      },
    },
    {
      method: 'PUT',
      path: `${path}/:id`,
      body: 'required',
      handler: async (request) => ({
        status: 200,
        body: await replace(request.caller, pathId(request), request.body),
      }),
    },
  ]
}

function specNamed(request: ApiRequest, collection: string, documents: readonly SpecDocument[]): SpecDocument {
  const id = pathId(request)
  const document = documents.find((candidate) => candidate.id === id)
  if (document === undefined) throw notFound(collection, id)
  return document
}
