import { readdirSync, readFileSync } from 'node:fs'
import type { JsonObject } from '../json.ts'
import { altIdOf, RESOURCE_KINDS, resourceTypeOf } from './resource.ts'
import type { ResourceKind, XdmResource } from './resource.ts'

/** Two folders up, from `src/registry` as well as from `dist/registry`. One folder for each kind that has built-in resources. */
const FOLDER = new URL('../../specs/xdm/', import.meta.url)

/** The built-in resources, which every organisation sees under `/global`. */
export interface GlobalResources {
  /** In the order of their titles. */
  list(kind: ResourceKind): readonly XdmResource[]
  get(kind: ResourceKind, id: string): XdmResource | null
  /** Of whatever kind. */
  find(id: string): XdmResource | null
}

/** Reads the package's JSON files; throws when one is missing or damaged. */
export function loadGlobalResources(): GlobalResources {
  const folders = readdirSync(FOLDER)
  const byKind = new Map<ResourceKind, readonly XdmResource[]>(
    RESOURCE_KINDS.map((kind) => [kind, folders.includes(kind) ? readKind(kind) : []]),
  )
  const list = (kind: ResourceKind) => byKind.get(kind) ?? []
  const byId = new Map([...byKind.values()].flat().map((resource) => [resource.$id, resource]))
  return {
    list,
    get: (kind, id) => list(kind).find(({ $id }) => $id === id) ?? null,
    find: (id) => byId.get(id) ?? null,
  }
}

function readKind(kind: ResourceKind): readonly XdmResource[] {
  const folder = new URL(`${kind}/`, FOLDER)
  return readdirSync(folder)
    .map((file) => withCommonMembers(kind, JSON.parse(readFileSync(new URL(file, folder), 'utf8'))))
    .sort((a, b) => (a.title < b.title ? -1 : 1))
}

/** A file holds what tells the resource from others. */
function withCommonMembers(kind: ResourceKind, file: JsonObject & { $id: string; title: string }): XdmResource {
  const { $id, title, description, ...rest } = file
  return {
    $id,
    'meta:altId': altIdOf($id),
    'meta:resourceType': resourceTypeOf(kind),
    version: '1.0',
    title,
    type: 'object',
    description,
    ...rest,
    imsOrg: 'adobe',
    'meta:extensible': true,
    'meta:abstract': kind !== 'datatypes',
    'meta:xdmType': 'object',
    'meta:status': 'stable',
    'meta:containerId': 'global',
    $schema: 'http://json-schema.org/draft-06/schema#',
  }
}
