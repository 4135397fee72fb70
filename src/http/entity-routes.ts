import type { Caller } from '../caller.ts'
import { FlowServiceError } from '../errors.ts'
import type { Receipt } from '../flow/entity.ts'
import type { EntityDocument, StoredEntity } from '../store/store.ts'
import type { EntityLists } from './list-query.ts'
import { FLOW_SERVICE, queryValue } from './route.ts'
import type { ApiRequest, ApiResponse, Route } from './route.ts'

export type EntityCollection = 'connections' | 'sourceConnections' | 'targetConnections' | 'flows'

/** What all entity services have in common. */
export interface EntityService {
  create(caller: Caller, body: unknown, options: { readonly draft: boolean }): Promise<Receipt>
  get(caller: Caller, id: string): Promise<StoredEntity>
  patch(
    caller: Caller,
    id: string,
    body: unknown,
    ifMatch: string | undefined,
  ): Promise<Receipt & { readonly document?: EntityDocument }>
  delete(caller: Caller, id: string): Promise<void>
}

/** Does one action on the entity `id`. */
export type Action = (caller: Caller, id: string, ifMatch: string | undefined) => Promise<Receipt>

export interface EntityRoutesRequest {
  readonly collection: EntityCollection
  readonly service: EntityService
  readonly lists: EntityLists
  /** By the action's name in lower case. */
  readonly actions: Readonly<Record<string, Action>>
  /** Actions that only a provider may do. */
  readonly providerActions?: readonly string[]
  /** A patch answers `items` as well. */
  readonly patchAnswersItems?: boolean
}

const SUB_OPERATIONS = ['APPLY', 'ROLLBACK', 'PROGRESS']

/** The rows that every collection has: list, create, read, patch, delete, action. */
export function entityRoutes(options: EntityRoutesRequest): Route[] {
  const { collection, service, lists, patchAnswersItems = false } = options
  const all = `${FLOW_SERVICE}/${collection}`
  const one = `${all}/:id`
  return [
    { method: 'GET', path: all, handler: (request) => lists.list(request, collection) },
    {
      method: 'POST',
      path: all,
      body: 'required',
      handler: async (request) => {
        const receipt = await service.create(request.caller, request.body, { draft: isDraftMode(request) })
        return { status: 201, headers: { Location: `${all}/${receipt.id}` }, body: receiptBody(receipt) }
      },
    },
    {
      method: 'GET',
      path: one,
      handler: async (request) => {
        const { document, etag } = await service.get(request.caller, pathId(request))
        return { status: 200, headers: { ETag: etag }, body: { items: [document] } }
      },
    },
    {
      method: 'PATCH',
      path: one,
      body: 'required',
      handler: async ({ caller, body, ifMatch, ...request }) => {
        const written = await service.patch(caller, pathId(request), body, ifMatch)
        const items = patchAnswersItems ? { items: [written.document] } : {}
        return { status: 200, headers: { ETag: written.etag }, body: { ...receiptBody(written), ...items } }
      },
    },
    {
      method: 'DELETE',
      path: one,
      handler: async (request) => {
        await service.delete(request.caller, pathId(request))
        return { status: 204 }
      },
    },
    { method: 'POST', path: `${one}/action`, body: 'optional', handler: (request) => act(options, request) },
  ]
}

async function act(
  { collection, actions, providerActions = [] }: EntityRoutesRequest,
  request: ApiRequest,
): Promise<ApiResponse> {
  const name = queryValue(request, 'op')?.trim().toLowerCase() ?? ''
  if (providerActions.includes(name)) {
    throw new FlowServiceError('1402-400', `The operation ${name} is for providers only; use publish.`)
  }
  const action = Object.hasOwn(actions, name) ? actions[name] : undefined
  if (action === undefined) {
    const found = name === '' ? 'The parameter op is missing' : `The operation "${name.slice(0, 40)}" does not exist`
    throw new FlowServiceError('1398-400', `${found} on ${collection}; use ${Object.keys(actions).join(', ')}.`)
  }
  checkSubOperation(name, queryValue(request, 'subOp'))
  const receipt = await action(request.caller, pathId(request), request.ifMatch)
  return { status: 200, headers: { ETag: receipt.etag }, body: receiptBody(receipt) }
}

/** `subOp` is documented and never needed: changes are done at once. */
function checkSubOperation(name: string, subOperation: string | undefined): void {
  if (subOperation === undefined) return
  if (!SUB_OPERATIONS.includes(subOperation.toUpperCase())) {
    const known = SUB_OPERATIONS.join(', ')
    throw new FlowServiceError(
      '1435-400',
      `The subOp "${subOperation.slice(0, 40)}" does not exist; use one of ${known}.`,
    )
  }
  if (name === 'enable') throw new FlowServiceError('1436-400', 'The operation enable takes no subOp; leave it out.')
}

function isDraftMode(request: ApiRequest): boolean {
  const mode = queryValue(request, 'mode')
  if (mode === undefined) return false
  if (mode.toLowerCase() === 'draft') return true
  throw new FlowServiceError('1312-400', `The parameter mode is "${mode.slice(0, 40)}"; give draft or leave it out.`)
}

function receiptBody({ id, etag }: Receipt): Receipt {
  return { id, etag }
}

/** The path parameter `id`. */
export function pathId({ params }: Pick<ApiRequest, 'params'>): string {
  return params['id'] ?? ''
}
