import { FlowServiceError, notFound } from '../errors.ts'
import type { AuditService } from '../flow/audit-service.ts'
import type { FlowContext } from '../flow/context.ts'
import { parseBodyObject, readMember, typeName } from '../request-body.ts'
import type { TokenCodec } from './continuation-token.ts'
import { pathId } from './entity-routes.ts'
import { createEntityLists, parseBoolean, parseLimit, type EntityLists } from './list-query.ts'
import { FLOW_SERVICE, queryValue, type ApiRequest, type ApiResponse, type Route } from './route.ts'

const FLOW = `${FLOW_SERVICE}/flows/:id`

interface FindingsToken {
  readonly after: number
  readonly limit: number
}

/** Audits of a flow: start, list, read with what was found. */
export function auditRoutes(context: FlowContext, tokens: TokenCodec, service: AuditService): Route[] {
  const lists = createEntityLists(context.store, tokens)
  return [
    { method: 'POST', path: `${FLOW}/audit`, body: 'optional', handler: (request) => startAudit(service, request) },
    { method: 'GET', path: `${FLOW}/audits`, handler: (request) => listAudits(context, lists, request) },
    { method: 'GET', path: `${FLOW}/audits/:auditId`, handler: (request) => readAudit(service, tokens, request) },
  ]
}

async function startAudit(service: AuditService, request: ApiRequest): Promise<ApiResponse> {
  const flowId = pathId(request)
  const audit = await service.create(request.caller, flowId, { repair: parseRepair(request) })
  const headers = { ETag: audit.etag, Location: `${FLOW_SERVICE}/flows/${flowId}/audits/${audit.id}` }
  return { status: 202, headers, body: audit }
}

/** `repair`, in the query or the body; the query wins. */
function parseRepair(request: ApiRequest): boolean {
  const inQuery = parseBoolean('repair', queryValue(request, 'repair'))
  const inBody = request.body === undefined ? undefined : readMember(parseBodyObject(request.body), 'repair')
  if (inBody !== undefined && typeof inBody !== 'boolean') {
    const message = `/repair is ${typeName(inBody)}; give true or false.`
    throw new FlowServiceError('1312-400', message, { faults: [{ path: '/repair', message }] })
  }
  return inQuery ?? inBody ?? false
}

/** Audits outlive their flow, so a deleted flow still lists them. */
async function listAudits({ store }: FlowContext, lists: EntityLists, request: ApiRequest): Promise<ApiResponse> {
  const id = pathId(request)
  const ofFlow = { path: [{ name: 'flowId', each: false }], operator: '==', values: [id] } as const
  const { tenant } = request.caller
  const isKnown =
    (await store.entities.get(tenant, 'flows', id)) !== null ||
    (await store.entities.count(tenant, 'audits', [ofFlow])) > 0
  if (!isKnown) throw notFound('flows', id)
  return lists.list(request, 'audits', [ofFlow], `flows/${id}/audits`)
}

async function readAudit(service: AuditService, tokens: TokenCodec, request: ApiRequest): Promise<ApiResponse> {
  const { tenant } = request.caller
  const auditId = request.params['auditId'] ?? ''
  const path = `flows/${pathId(request)}/audits/${auditId}`
  const scope = `${tenant.orgId}/${tenant.sandboxName}/${path}`
  const token = queryValue(request, 'continuationToken')
  const asked =
    token === undefined
      ? { after: 0, limit: parseLimit(queryValue(request, 'limit')) }
      : (tokens.decode(scope, token) as FindingsToken)
  const { after, limit } = asked
  const { audit, findings, next } = await service.findings(request.caller, pathId(request), auditId, after, limit)
  const href = () => `/${path}?continuationToken=${tokens.encode(scope, { after: next, limit })}`
  return {
    status: 200,
    headers: { ETag: audit.etag },
    body: {
      ...audit.document,
      findings: findings.map(({ kind, objectId }) => ({ id: objectId, kind })),
      _links: next === null ? {} : { next: { href: href() } },
    },
  }
}
