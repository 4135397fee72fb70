import { randomBytes } from 'node:crypto'
import type { Caller } from '../caller.ts'
import type { JsonObject } from '../json.ts'
import type { EntityDocument } from '../store/store.ts'
import type { MappingRule } from './mapper.ts'
import type { MappingBody, MappingSetBody } from './mapping-set-body.ts'

/** A mapping set in its wire form, with the words of both dialects. Times are ms since the epoch. */
export interface MappingSet extends EntityDocument {
  /** 32 hex digits. */
  readonly id: string
  /** 0, and one more with every change. */
  readonly version: number
  readonly createdDate: number
  readonly modifiedDate: number
  readonly createdBy: string
  readonly modifiedBy: string
  readonly name?: string
  readonly outputSchema: { readonly schemaRef: SchemaReference }
  readonly mappings: readonly Mapping[]
  /** `outputSchema.schemaRef.id` once more. */
  readonly xdmSchema: string
}

export type SchemaReference = { readonly id: string; readonly contentType: string }

export type Mapping = JsonObject &
  MappingRule & {
    /** 32 hex digits; stays the same while a client sends it back. */
    readonly id: string
    readonly version: number
    readonly createdDate: number
    readonly modifiedDate: number
  }

/** What a create answers. */
export type MappingSetReceipt = Pick<
  MappingSet,
  'id' | 'version' | 'createdDate' | 'modifiedDate' | 'createdBy' | 'modifiedBy'
>

export function newMappingSet(caller: Caller, body: MappingSetBody, now: number): MappingSet {
  return buildMappingSet(caller, body, now, { id: hexId(), version: 0, createdDate: now, createdBy: caller.userId })
}

/** The next version. Mappings that the former one had, by id, keep when and by whom they were made. */
export function nextMappingSet(caller: Caller, body: MappingSetBody, now: number, former: MappingSet): MappingSet {
  const { id, createdDate, createdBy } = former
  return buildMappingSet(
    caller,
    body,
    now,
    { id, version: former.version + 1, createdDate, createdBy },
    former.mappings,
  )
}

export function receiptOf(mappingSet: MappingSet): MappingSetReceipt {
  const { id, version, createdDate, modifiedDate, createdBy, modifiedBy } = mappingSet
  return { id, version, createdDate, modifiedDate, createdBy, modifiedBy }
}

/** Major and minor version of a schema out of a media type or a bare number. */
export function versionOf(contentType: string): string {
  const [, major = '1', minor = '0'] = /(?:^|version=)(\d+)(?:\.(\d+))?/.exec(contentType) ?? []
  return `${major}.${minor}`
}

function buildMappingSet(
  caller: Caller,
  body: MappingSetBody,
  now: number,
  kept: Pick<MappingSet, 'id' | 'version' | 'createdDate' | 'createdBy'>,
  formerMappings: readonly Mapping[] = [],
): MappingSet {
  const { id, version, createdDate, createdBy } = kept
  const { schemaRef, mappings, extras } = body
  const formerById = new Map(formerMappings.map((mapping) => [mapping.id, mapping]))
  return {
    id,
    version,
    createdDate,
    modifiedDate: now,
    createdBy,
    modifiedBy: caller.userId,
    ...extras,
    outputSchema: { schemaRef },
    mappings: mappings.map((mapping) => {
      const former = formerById.get(mapping.id ?? '')
      // An id is used once, also when a client sends it twice.
      formerById.delete(mapping.id ?? '')
      return buildMapping(caller, mapping, now, former)
    }),
    status: 'PUBLISHED',
    strictMapping: false,
    supportVersion: '1.1',
    schemaRef,
    xdmSchema: schemaRef.id,
    xdmVersion: versionOf(schemaRef.contentType),
  }
}

function buildMapping(caller: Caller, body: MappingBody, now: number, former: Mapping | undefined): Mapping {
  const { rule, extras } = body
  return {
    id: former?.id ?? hexId(),
    version: 0,
    createdDate: former?.createdDate ?? now,
    modifiedDate: now,
    createdBy: former?.['createdBy'] ?? caller.userId,
    modifiedBy: caller.userId,
    ...rule,
    identity: false,
    primaryIdentity: false,
    matchScore: 0,
    functionVersion: 1,
    ...extras,
    sourceAttribute: rule.source,
    destinationXdmPath: rule.destination,
  }
}

function hexId(): string {
  return randomBytes(16).toString('hex')
}
