import { applyPatch as applyOperations, Pointer } from 'rfc6902'
import { FlowServiceError } from '../errors.ts'
import type { ErrorCode } from '../errors.ts'
import { isJsonObject } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import { typeName } from '../request-body.ts'

/** What a JSON Patch may change in one kind of entity. Patterns are JSON Pointers; `*` stands for one segment. */
export interface PatchRules {
  /** A pattern that ends in `/**` allows everything below as well. */
  readonly allowed: readonly string[]
  /** Optional members: `replace` adds one that is absent. */
  readonly optional: readonly string[]
  /** Top-level members with a code of their own when they, or something in them, are named. */
  readonly refused?: Readonly<Record<string, ErrorCode>>
}

export const PATCH_OPERATIONS = ['add', 'replace', 'remove'] as const

export interface PatchOperation {
  readonly op: (typeof PATCH_OPERATIONS)[number]
  readonly path: string
  /** Absent on `remove`. */
  readonly value?: JsonValue
}

const UNSAFE_SEGMENTS = ['__proto__', 'constructor', 'prototype']
const ARRAY_INDEX = /^(0|[1-9]\d{0,8})$/

/** Reads a patch document, an array of operations or a single one, and checks it against the rules of its entity. */
export function parsePatch(body: unknown, rules: PatchRules): readonly PatchOperation[] {
  const list: unknown = isJsonObject(body) ? [body] : body
  if (!Array.isArray(list)) {
    throw new FlowServiceError('1000-400', 'The body is not a JSON Patch; send an array of {op, path, value}.')
  }
  if (list.length === 0) throw new FlowServiceError('1405-400', 'The patch is empty; send at least one operation.')
  return list.map((entry: unknown, index) => parseOperation(entry, index, rules))
}

function parseOperation(entry: unknown, index: number, rules: PatchRules): PatchOperation {
  const { op, path, value }: JsonObject = isJsonObject(entry) ? entry : {}
  const name = typeof op === 'string' ? op.toLowerCase() : undefined
  const operation = PATCH_OPERATIONS.find((known) => known === name)
  if (operation === undefined) {
    const found = typeof op === 'string' ? `"${op.slice(0, 40)}"` : typeName(op)
    throw fault('1434-400', `/${index}/op`, `The op of operation ${index} is ${found}; give add, replace or remove.`)
  }
  if (typeof path !== 'string') {
    throw fault('1365-400', `/${index}/path`, `Operation ${index} has no path; give a JSON Pointer such as /name.`)
  }
  checkPath(path, index, rules)
  if (operation === 'remove') return { op: operation, path }
  if (value === undefined) {
    throw fault('1304-400', `/${index}/value`, `The operation ${operation} ${echo(path)} has no value; give one.`)
  }
  return { op: operation, path, value }
}

function checkPath(path: string, index: number, rules: PatchRules): void {
  const segments = path.startsWith('/') ? Pointer.fromJSON(path).tokens.slice(1) : []
  const ownCode = Object.entries(rules.refused ?? {}).find(([member]) => segments[0] === member)?.[1]
  const safe = !segments.some((segment) => UNSAFE_SEGMENTS.includes(segment)) && !/~(?![01])/.test(path)
  if (ownCode === undefined && safe && rules.allowed.some((pattern) => matches(pattern, segments))) return
  throw fault(
    ownCode ?? '1365-400',
    `/${index}/path`,
    `The path ${echo(path)} may not be changed; the paths that may are ${rules.allowed.join(', ')}.`,
  )
}

function matches(pattern: string, segments: readonly string[]): boolean {
  const expected = pattern.split('/').slice(1)
  const deep = expected.at(-1) === '**'
  const head = deep ? expected.slice(0, -1) : expected
  if (deep ? segments.length < head.length : segments.length !== head.length) return false
  return head.every((name, at) => (name === '*' ? segments[at] !== '' : segments[at] === name))
}

/** Applies all operations, in order, to a copy; 1455-400 names what is not there. The document stays as it is. */
export function applyPatch<T extends JsonObject>(
  document: T,
  operations: readonly PatchOperation[],
  rules: PatchRules,
): JsonObject {
  const copy = structuredClone(document) as Record<string, JsonValue>
  for (const operation of operations) applyOne(copy, operation, rules)
  return copy
}

function applyOne(document: Record<string, JsonValue>, operation: PatchOperation, rules: PatchRules): void {
  const { path } = operation
  const segments = Pointer.fromJSON(path).tokens.slice(1)
  const op = operation.op === 'replace' && rules.optional.includes(path) ? 'add' : operation.op
  addMissingContainer(document, segments, op, rules)
  const parent = segments.slice(0, -1).reduce<unknown>(ownMember, document)
  const last = segments.at(-1) ?? ''
  const found = Array.isArray(parent)
    ? hasPlace(parent, last, op)
    : isJsonObject(parent) && (op === 'add' || Object.hasOwn(parent, last))
  if (!found) {
    throw fault(
      '1455-400',
      path,
      `The entity has nothing at ${echo(path)} to ${operation.op}; use add or another path.`,
    )
  }
  applyOperations(document, [{ op, path, value: operation.value }])
}

/** A draft may lack the object that a first member goes into, for example `/auth` below `/auth/specName`. */
function addMissingContainer(
  document: Record<string, JsonValue>,
  [container, ...rest]: readonly string[],
  op: PatchOperation['op'],
  rules: PatchRules,
): void {
  if (op !== 'add' || container === undefined || rest.length !== 1) return
  if (rules.optional.includes(`/${container}`) && !Object.hasOwn(document, container)) document[container] = {}
}

function ownMember(owner: unknown, name: string): unknown {
  if (Array.isArray(owner)) return ARRAY_INDEX.test(name) ? owner[Number(name)] : undefined
  return isJsonObject(owner) && Object.hasOwn(owner, name) ? owner[name] : undefined
}

function hasPlace(list: readonly unknown[], segment: string, op: PatchOperation['op']): boolean {
  if (segment === '-') return op === 'add'
  if (!ARRAY_INDEX.test(segment)) return false
  return op === 'add' ? Number(segment) <= list.length : Number(segment) < list.length
}

function fault(code: ErrorCode, path: string, message: string): FlowServiceError {
  return new FlowServiceError(code, message, { faults: [{ path, message }] })
}

/** Paths come from the caller: short in messages. */
function echo(path: string): string {
  return path.length > 120 ? `${path.slice(0, 120)}...` : path
}
