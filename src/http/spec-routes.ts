import { FlowServiceError, notFound } from '../errors.ts'
import type { FlowContext } from '../flow/context.ts'
import { matches } from '../flow/explore/match-document.ts'
import { parsePropertyParameters, project } from '../flow/property-filter.ts'
import type { SpecDocument } from '../flow/spec-registry.ts'
import { pathId } from './entity-routes.ts'
import { FLOW_SERVICE } from './route.ts'
import type { ApiRequest, ApiResponse, Route } from './route.ts'

/** The connection specs and flow specs. They are the same for every organisation and all fit on one page. */
export function specRoutes({ specs }: Pick<FlowContext, 'specs'>): readonly Route[] {
  return [
    ...readRoutes('connectionSpecs', () => specs.connectionSpecs()),
    ...readRoutes('flowSpecs', () => specs.flowSpecs()),
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

function readRoutes(collection: string, all: () => readonly SpecDocument[]): readonly Route[] {
  return [
    { method: 'GET', path: `${FLOW_SERVICE}/${collection}`, handler: async (request) => list(request, all()) },
    {
      method: 'GET',
      path: `${FLOW_SERVICE}/${collection}/:id`,
      handler: async (request) => ({ status: 200, body: { items: [specNamed(request, collection, all())] } }),
    },
  ]
}

function list(request: ApiRequest, documents: readonly SpecDocument[]): ApiResponse {
  const { filter, projection } = parsePropertyParameters(request.query['property'] ?? [])
  const items = documents
    .filter((document) => filter.every((comparison) => matches(document, comparison)))
    .map((document) => project(document, projection))
  return { status: 200, body: { items, _links: {} } }
}

function specNamed(request: ApiRequest, collection: string, documents: readonly SpecDocument[]): SpecDocument {
  const id = pathId(request)
  const document = documents.find((candidate) => candidate.id === id)
  if (document === undefined) throw notFound(collection, id)
  return document
}
