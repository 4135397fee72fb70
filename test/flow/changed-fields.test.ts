import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { changedFields } from '../../src/flow/changed-fields.ts'
import { isJsonObject, type JsonValue } from '../../src/json.ts'

describe('the changed fields of two versions', () => {
  test('are named by path, in the order of the newer version, with what was and what is', () => {
    const before = { a: 1, b: { c: 'x', d: null, gone: true }, same: [1] }
    const after = { same: [1], b: { d: 0, c: 'y' }, a: 1, added: null }
    expect(changedFields(before, after)).toEqual([
      { path: '/b/d', old: null, new: 0 },
      { path: '/b/c', old: 'x', new: 'y' },
      { path: '/b/gone', old: true },
      { path: '/added', new: null },
    ])
  })

  test('show a changed array whole, and a changed kind as one value', () => {
    const before = { items: [{ id: 'a', n: 1 }, { id: 'b' }], customer: 'cus_1', nothing: null }
    const after = { items: [{ id: 'a', n: 2 }, { id: 'b' }], customer: { id: 'cus_1' }, nothing: {} }
    expect(changedFields(before, after)).toEqual([
      { path: '/items', old: before.items, new: after.items },
      { path: '/customer', old: 'cus_1', new: { id: 'cus_1' } },
      { path: '/nothing', old: null, new: {} },
    ])
  })

  test('are none when only the order of keys differs, in arrays too', () => {
    expect(changedFields({ a: 1, list: [{ b: 1, c: 2 }] }, { list: [{ c: 2, b: 1 }], a: 1 })).toEqual([])
  })

  test('have their names escaped as JSON Pointer says', () => {
    expect(changedFields({ metadata: { 'a/b': 1, 'c~d': 1 } }, { metadata: { 'a/b': 2, 'c~d': 2, '': 3 } })).toEqual([
      { path: '/metadata/a~1b', old: 1, new: 2 },
      { path: '/metadata/c~0d', old: 1, new: 2 },
      { path: '/metadata/', new: 3 },
    ])
  })

  test('of objects nested very deeply are still found', () => {
    const nest = (depth: number, leaf: JsonValue) => {
      let value = leaf
      for (let level = 0; level < depth; level++) value = { level: value }
      return value
    }
    expect(changedFields(nest(3000, 1), nest(3000, 1))).toEqual([])
    expect(changedFields(nest(3000, 1), nest(3000, 2))).toHaveLength(1)
  })

  test('turn one version into the other when they are put in', () => {
    const version = fc.dictionary(fc.string({ maxLength: 3 }), fc.jsonValue({ maxDepth: 3 }), { maxKeys: 5 })
    fc.assert(
      fc.property(version, version, (before, after) => {
        // Through JSON, as versions are stored: there is no -0 and no own `__proto__`.
        const [from, to] = [stored(before), stored(after)]
        const changed = structuredClone(from)
        for (const { path, ...field } of changedFields(from, to)) put(changed, path, field)
        expect(changed).toEqual(to)
      }),
    )
  })
})

function stored(value: unknown): JsonValue {
  return JSON.parse(JSON.stringify(value), (name, member) => (name === '__proto__' ? undefined : member)) as JsonValue
}

function put(target: JsonValue, path: string, field: { readonly new?: JsonValue }): void {
  const names = path
    .split('/')
    .slice(1)
    .map((name) => name.replaceAll('~1', '/').replaceAll('~0', '~'))
  const last = names.pop()!
  let holder = target
  for (const name of names) holder = (holder as Record<string, JsonValue>)[name]!
  if (!isJsonObject(holder)) throw new Error(`no object at ${path}`)
  const members = holder as Record<string, JsonValue>
  if ('new' in field) members[last] = field.new!
  else delete members[last]
}
