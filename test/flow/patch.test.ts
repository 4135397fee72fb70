import { describe, expect, test } from '@jest/globals'
import { FlowServiceError } from '../../src/errors.ts'
import { applyPatch, parsePatch } from '../../src/flow/patch.ts'
import type { PatchRules } from '../../src/flow/patch.ts'
import type { JsonObject } from '../../src/json.ts'

const RULES: PatchRules = {
  allowed: ['/name', '/description', '/params', '/params/*', '/list', '/list/*', '/data/schema/**'],
  optional: ['/description', '/params', '/list'],
  refused: { connectionSpec: '1414-400' },
}

const DOCUMENT = {
  id: '1',
  name: 'a',
  params: { x: 1, y: null, 'a/b': 2 },
  list: ['p', 'q'],
  data: { schema: { id: 's' } },
}

function patched(operations: unknown, document: JsonObject = DOCUMENT): JsonObject {
  return applyPatch(document, parsePatch(operations, RULES), RULES)
}

function codeOf(operations: unknown, document: JsonObject = DOCUMENT): string {
  try {
    patched(operations, document)
  } catch (error) {
    if (error instanceof FlowServiceError) return error.code
    throw error
  }
  return 'none'
}

describe('what a patch may say', () => {
  test('the operation may be in any letter case, and one operation needs no array', () => {
    expect(patched({ op: 'REPLACE', path: '/name', value: 'b' })).toMatchObject({ name: 'b' })
    expect(patched([{ op: 'Add', path: '/params/z', value: [1] }])).toMatchObject({ params: { x: 1, z: [1] } })
    expect(patched([{ op: 'remove', path: '/params/x', value: 'ignored' }])['params']).toEqual({ y: null, 'a/b': 2 })
  })

  test.each([['move'], ['copy'], ['test'], ['ADD '], [''], [5], [undefined], [null]])('op %j is refused', (op) => {
    expect(codeOf([{ op, path: '/name', value: 'x' }])).toBe('1434-400')
  })

  test.each([[5], ['x'], [null], [undefined], [true]])('a body of %j is no patch', (body) => {
    expect(codeOf(body)).toBe('1000-400')
  })

  test.each([[[5]], [[null]], [[[]]], [{}]])('%j holds no operation', (body) => {
    expect(codeOf(body)).toBe('1434-400')
  })

  test('an empty patch is refused', () => {
    expect(codeOf([])).toBe('1405-400')
  })

  test.each([
    [undefined],
    [7],
    [''],
    ['/'],
    ['name'],
    ['/name/'],
    ['/Name'],
    ['/id'],
    ['/state'],
    ['/etag'],
    ['/params/'],
    ['/params/x/y'],
    ['/data'],
    ['/data/format'],
    ['/params/~2'],
    ['/params/__proto__'],
    ['/params/constructor'],
    ['/data/schema/__proto__/polluted'],
    ['/data/schema/constructor/prototype'],
    ['/__proto__/polluted'],
    [`/${'x'.repeat(10_000)}`],
  ])('path %j is not open to patches', (path) => {
    for (const op of ['add', 'replace', 'remove']) expect(codeOf([{ op, path, value: 'x' }])).toBe('1365-400')
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })

  test('a member with a code of its own answers it, also for what lies below', () => {
    expect(codeOf([{ op: 'replace', path: '/connectionSpec', value: {} }])).toBe('1414-400')
    expect(codeOf([{ op: 'replace', path: '/connectionSpec/id', value: 'x' }])).toBe('1414-400')
  })

  test('a value is needed to add and to replace, and may be null', () => {
    expect(codeOf([{ op: 'add', path: '/name' }])).toBe('1304-400')
    expect(codeOf([{ op: 'replace', path: '/name' }])).toBe('1304-400')
    expect(patched([{ op: 'replace', path: '/params/x', value: null }])).toMatchObject({ params: { x: null } })
  })
})

describe('applying a patch', () => {
  test('leaves the document as it was, and the value of the patch apart from it', () => {
    const value = { deep: [1] }
    const result = patched([
      { op: 'add', path: '/params/z', value },
      { op: 'remove', path: '/name' },
    ])
    expect(DOCUMENT.name).toBe('a')
    expect(result['params']).toMatchObject({ z: value })
    expect((result['params'] as JsonObject)['z']).not.toBe(value)
  })

  test('works in order, all of it or nothing', () => {
    expect(
      patched([
        { op: 'add', path: '/params', value: {} },
        { op: 'add', path: '/params/x', value: 1 },
        { op: 'replace', path: '/params/x', value: 2 },
      ]),
    ).toMatchObject({ params: { x: 2 } })
    expect(
      codeOf([
        { op: 'replace', path: '/name', value: 'b' },
        { op: 'remove', path: '/params/none' },
      ]),
    ).toBe('1455-400')
  })

  test('reads escapes in a path, and replaces a member that is null', () => {
    expect(patched([{ op: 'replace', path: '/params/a~1b', value: 3 }])).toMatchObject({ params: { 'a/b': 3 } })
    expect(patched([{ op: 'replace', path: '/params/y', value: 3 }])).toMatchObject({ params: { y: 3 } })
  })

  test.each([
    ['replace', '/params/none'],
    ['remove', '/params/none'],
    ['replace', '/params/toString'],
    ['remove', '/params/toString'],
    ['remove', '/description'],
    ['remove', '/list/2'],
    ['replace', '/list/2'],
    ['replace', '/list/-'],
    ['remove', '/list/-'],
    ['remove', '/list/length'],
    ['replace', '/list/one'],
    ['add', '/list/3'],
    ['add', '/list/01'],
    ['add', '/list/-1'],
    ['add', '/data/schema/none/below'],
    ['add', '/data/schema/id/below'],
  ])('%s %s finds nothing there', (op, path) => {
    expect(codeOf([{ op, path, value: 'x' }])).toBe('1455-400')
  })

  test('inserts into an array and appends to it', () => {
    expect(patched([{ op: 'add', path: '/list/0', value: 'o' }])['list']).toEqual(['o', 'p', 'q'])
    expect(patched([{ op: 'add', path: '/list/-', value: 'r' }])['list']).toEqual(['p', 'q', 'r'])
    expect(patched([{ op: 'add', path: '/list/2', value: 'r' }])['list']).toEqual(['p', 'q', 'r'])
    expect(patched([{ op: 'replace', path: '/list/1', value: 'r' }])['list']).toEqual(['p', 'r'])
    expect(patched([{ op: 'remove', path: '/list/0' }])['list']).toEqual(['q'])
  })

  test('replace adds an optional member, and add makes the object that its member goes into', () => {
    expect(patched([{ op: 'replace', path: '/description', value: 'd' }])).toMatchObject({ description: 'd' })
    expect(patched([{ op: 'add', path: '/params/x', value: 1 }], { id: '1' })).toEqual({ id: '1', params: { x: 1 } })
    expect(codeOf([{ op: 'replace', path: '/params/x', value: 1 }], { id: '1' })).toBe('1455-400')
    expect(codeOf([{ op: 'add', path: '/data/schema', value: {} }], { id: '1' })).toBe('1455-400')
  })

  test('a value with a __proto__ member pollutes nothing', () => {
    const value = JSON.parse('{"__proto__": {"polluted": true}, "constructor": {"prototype": {"polluted": true}}}')
    const result = patched([{ op: 'add', path: '/params/z', value }])
    const z = (result['params'] as Record<string, Record<string, unknown>>)['z']!
    expect(z['polluted']).toBeUndefined()
    expect(({} as Record<string, unknown>)['polluted']).toBeUndefined()
  })
})
