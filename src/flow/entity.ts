import type { Caller, Tenant } from '../caller.ts'
import { FlowServiceError, notFound } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { EntityDocument, EntityKind, StoredEntity, StoreScope } from '../store/store.ts'
import type { Faults } from '../request-body.ts'
import { readMember, readObject, readText, typeName } from '../request-body.ts'
import type { FlowContext } from './context.ts'
import { createdFields } from './created-fields.ts'
import { createEtag, versionMismatch } from './etag.ts'
import type { SpecDocument } from './spec-registry.ts'
import type { CommonFields, SpecReference } from './types.ts'

/** What a create, a patch or an action answers. */
export interface Receipt {
  readonly id: string
  readonly etag: string
}

/** A receipt with what was written. */
export interface Written<D extends EntityDocument = EntityDocument> extends Receipt {
  readonly document: D
}

/** What goes beside the document into the store. */
export interface EntityExtras {
  readonly secrets?: Readonly<Record<string, string>>
  /** Ids of the entities that this one uses. */
  readonly references?: readonly string[]
}

type WriteContext = Pick<FlowContext, 'clock'>

/** The addressed entity; 1101-404 when it does not exist for this tenant. */
export async function findEntity<D extends EntityDocument>(
  scope: Pick<StoreScope, 'entities'>,
  tenant: Tenant,
  kind: EntityKind,
  id: string,
): Promise<StoredEntity<D>> {
  const entity = await scope.entities.get(tenant, kind, id)
  if (entity === null) throw notFound(kind, id)
  return entity as StoredEntity<D>
}

/** Stores a new entity: `fields` with the common fields around them. Returns its number in the store too. */
export async function insertEntity(
  { clock }: WriteContext,
  scope: StoreScope,
  caller: Caller,
  { kind, id, fields, ...extras }: { kind: EntityKind; id: string; fields: JsonObject } & EntityExtras,
): Promise<Written & { readonly no: number }> {
  const now = clock.now()
  const etag = createEtag(now)
  const { tenant } = caller
  const document = { ...createdFields(caller, id, now), ...fields, version: etag, etag }
  const no = await scope.entities.insert({ kind, tenant, etag, document, ...extras })
  return { no, id, etag, document }
}

/**
 * Replaces an entity's own fields and gives it a new etag. Only the version that was read is replaced: 1404-412 when
 * another write came in between.
 */
export async function rewriteEntity(
  { clock }: WriteContext,
  scope: StoreScope,
  caller: Caller,
  entity: StoredEntity,
  fields: JsonObject,
  extras: EntityExtras = {},
): Promise<Written> {
  const now = clock.now()
  const etag = createEtag(now, entity.etag)
  const { id, createdAt, createdBy, createdClient, imsOrgId, sandboxId, sandboxName } =
    entity.document as unknown as CommonFields
  const common = {
    id,
    createdAt,
    updatedAt: now,
    createdBy,
    updatedBy: caller.userId,
    createdClient,
    updatedClient: caller.clientId,
    imsOrgId,
    sandboxId,
    sandboxName,
  }
  // Twice: first for their place in the document, then for their values.
  const document = { ...common, ...fields, ...common, version: etag, etag }
  if (!(await scope.entities.update(entity, { etag, document, ...extras }))) {
    const current = await findEntity(scope, caller.tenant, entity.kind, id)
    throw versionMismatch(entity.etag, current.etag)
  }
  return { id, etag, document }
}

/**
 * Reads `{id, version?}`; the version defaults to the spec's.
 * @param path - JSON Pointer, `/connectionSpec` or `/flowSpec`
 * @param refusal - what an id that `find` does not know answers: 1413-400 unless told otherwise
 */
export function readSpecReference<S extends { readonly document: SpecDocument }>(
  faults: Faults,
  body: JsonObject,
  path: string,
  find: (id: string) => S | null,
  refusal: { readonly code: '1413-400' | '1307-400'; readonly advice: string } = {
    code: '1413-400',
    advice: 'is no spec that this server knows; give a valid spec id',
  },
): { readonly reference: SpecReference; readonly spec: S } | null {
  const object = readObject(faults, body, path, 'always')
  if (object === undefined) return null
  const id = readText(faults, object, `${path}/id`, 'always')
  if (id === undefined) return null
  const spec = find(id)
  if (spec === null) {
    faults.invalid(`${path}/id`, `${path}/id "${short(id)}" ${refusal.advice}.`, refusal.code)
    return null
  }
  const version = readText(faults, object, `${path}/version`, 'no') || spec.document.version
  if (version !== spec.document.version) {
    const message = `${path}/version "${short(version)}" does not exist for this spec; give ${spec.document.version}.`
    faults.invalid(`${path}/version`, message, '1413-400')
    return null
  }
  return { reference: { id, version }, spec }
}

/** An entity that a body names by id: 1439-400 when it does not exist for this tenant. */
export async function findReferenced<D extends EntityDocument>(
  scope: StoreScope,
  tenant: Tenant,
  faults: Faults,
  kind: EntityKind,
  id: string,
  path: string,
): Promise<StoredEntity<D> | null> {
  const entity = await scope.entities.get(tenant, kind, id)
  if (entity === null) {
    faults.invalid(
      path,
      `${path} names "${short(id)}", and there is no such entry in ${kind}; create it first.`,
      '1439-400',
    )
  }
  return entity as StoredEntity<D> | null
}

/** 1422-400 when a published entity would rest on a draft. Only called for entities that are no drafts themselves. */
export function requirePublished(faults: Faults, entity: StoredEntity, path: string): void {
  if (entity.document['state'] !== 'draft') return
  faults.invalid(
    path,
    `${path} names ${entity.kind} ${entity.id}, which is still a draft; publish it first.`,
    '1422-400',
  )
}

/** 1422-400 unless the entity is a draft. */
export function requireDraft(entity: StoredEntity): void {
  const { state } = entity.document
  if (state === 'draft') return
  throw new FlowServiceError(
    '1422-400',
    `${entity.kind} ${entity.id} is ${String(state)}; only a draft can be published.`,
  )
}

/** A reference id of the body; undefined when absent or, with the fault noted, not a string. */
export function readId(faults: Faults, body: JsonObject, path: string): string | undefined {
  const value = readMember(body, path.slice(1))
  if (value === undefined || value === '') return undefined
  if (typeof value === 'string') return value
  faults.invalid(path, `${path} is ${typeName(value)}; give an id.`)
  return undefined
}

/** Text of the caller, short enough for a message. */
export function short(text: string): string {
  return text.length > 80 ? `${text.slice(0, 80)}...` : text
}
