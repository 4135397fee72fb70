import { applyPatch, Pointer } from 'rfc6902'
import type { Operation } from 'rfc6902'
import { isJsonObject } from '../json.ts'
import type { JsonObject } from '../json.ts'
import { SchemaRegistryError } from './registry-error.ts'
import { WRITABLE_MEMBERS } from './resource-body.ts'
import type { TenantKind } from './resource.ts'

const OPERATIONS = ['add', 'remove', 'replace', 'move', 'copy', 'test']
const MAX_OPERATIONS = 1000
/** Copies of copies grow fast. */
const MAX_COPIED_CHARACTERS = 1_048_576

/** A JSON Patch (RFC 6902) for one kind of resource, checked; 1020-400 names the first operation that is wrong. */
export function parseResourcePatch(kind: TenantKind, body: unknown): readonly Operation[] {
  const list: unknown = isJsonObject(body) ? [body] : body
  if (!Array.isArray(list) || list.length === 0 || list.length > MAX_OPERATIONS) {
    const message = `The body is not a JSON Patch; send an array of 1 to ${MAX_OPERATIONS} {op, path, value}.`
    throw new SchemaRegistryError('1000-400', message)
  }
  return list.map((entry: unknown, index) => parseOperation(kind, isJsonObject(entry) ? entry : {}, index))
}

function parseOperation(kind: TenantKind, entry: JsonObject, index: number): Operation {
  const op = String(entry['op']).toLowerCase()
  if (!OPERATIONS.includes(op)) throw fault(`/${index}/op`, `is none of ${OPERATIONS.join(', ')}`)
  const path = parsePath(kind, entry['path'], `/${index}/path`)
  const from = op === 'move' || op === 'copy' ? parsePath(kind, entry['from'], `/${index}/from`) : undefined
  if (['add', 'replace', 'test'].includes(op) && entry['value'] === undefined) {
    throw fault(`/${index}/value`, 'is missing; give a value')
  }
  return { op, path, ...(from === undefined ? { value: entry['value'] } : { from }) } as Operation
}

function parsePath(kind: TenantKind, path: unknown, place: string): string {
  if (typeof path !== 'string' || !path.startsWith('/') || /~(?![01])/.test(path))
    throw fault(place, 'is no JSON Pointer such as /title')
  // The documentation of unions once had this slip, and clients copied it.
  if (path === '/meta:immutableTags-') return '/meta:immutableTags/-'
  const [, member = ''] = Pointer.fromJSON(path).tokens
  if (!WRITABLE_MEMBERS[kind].includes(member)) {
    throw fault(place, `may not be changed; the members that may are ${WRITABLE_MEMBERS[kind].join(', ')}`)
  }
  return path
}

/** Applies all operations, in order, to a copy; 1020-400 when one finds nothing at its path or a test fails. */
export function applyResourcePatch(members: JsonObject, operations: readonly Operation[]): JsonObject {
  const copy = structuredClone(members) as Record<string, unknown>
  let copied = 0
  for (const [index, operation] of operations.entries()) {
    const { op, path } = operation
    if (op === 'add' && path.startsWith('/meta:immutableTags/')) copy['meta:immutableTags'] ??= []
    if (!isReachable(copy, path) || ('from' in operation && !isReachable(copy, operation.from, 'whole'))) {
      throw fault(`/${index}/path`, 'leads nowhere')
    }
    if (op === 'copy') copied += JSON.stringify(Pointer.fromJSON(operation.from).get(copy)).length
    if (copied > MAX_COPIED_CHARACTERS) throw fault(`/${index}`, 'copies too much')
    const [error] = applyPatch(copy, [operation])
    if (error?.name === 'TestError') throw fault(`/${index}`, 'is a test that fails')
    if (error) throw fault(`/${index}/path`, 'leads nowhere')
  }
  return copy as JsonObject
}

/**
 * True when a pointer leads through members of the document's own, up to the place of its last name or, `whole`, to a value.
 * The library would follow inherited members as well, and take any text for an index.
 */
function isReachable(document: unknown, path: string, extent: 'whole' | 'parent' = 'parent'): boolean {
  const names = Pointer.fromJSON(path).tokens.slice(1)
  let node: unknown = document
  for (const [at, name] of names.entries()) {
    if (typeof node !== 'object' || node === null) return false
    const isPlace = extent === 'parent' && at === names.length - 1
    if (isPlace) return Array.isArray(node) ? /^(\d+|-)$/.test(name) : Object.hasOwn(node, name) || !(name in node)
    if (!Object.hasOwn(node, name) || (Array.isArray(node) && !/^\d+$/.test(name))) return false
    node = (node as Record<string, unknown>)[name]
  }
  return true
}

function fault(path: string, reason: string): SchemaRegistryError {
  const message = `${path} of the patch ${reason}.`
  return new SchemaRegistryError('1020-400', message, [{ path, message }])
}
