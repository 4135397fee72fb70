import { describe, expect, test } from '@jest/globals'
import { RowShape } from '../../../src/catalog/files/row-shape.ts'
import type { JsonValue } from '../../../src/json.ts'

function typeOf(...values: JsonValue[]): string {
  const shape = new RowShape()
  for (const value of values) shape.add(value)
  return shape.type()
}

test.each<[string, JsonValue[]]>([
  ['VARCHAR', []],
  ['VARCHAR', [null, null]],
  ['VARCHAR', ['a', null]],
  ['VARCHAR', ['2026-01-01', '2f0f1e5a-9c0b-4c36-9d1e-6f2c1f0a7b11']],
  ['BOOLEAN', [true, false]],
  ['BIGINT', [1, 9_007_199_254_740_991, -5]],
  ['BIGINT', [2 ** 31, 1]],
  ['DOUBLE', [1, 1.5]],
  ['DOUBLE', [1e20, 1]],
  ['VARCHAR[]', [[], [null]]],
  ['BIGINT[]', [[], [1], [null, 2]]],
  ['BIGINT[][]', [[[1], []], []]],
  ['STRUCT("a" BIGINT)[]', [[{ a: 1 }, {}]]],
  ['STRUCT("a" BIGINT, "b" STRUCT("c" VARCHAR))', [{ a: 1 }, { b: { c: null } }, null]],
  ['STRUCT("x.y" BOOLEAN, "quo""te" VARCHAR)', [{ 'x.y': true, 'quo"te': 'z' }]],
])('%s holds %j', (type, values) => {
  expect(typeOf(...values)).toBe(type)
})

describe('JSON text holds', () => {
  test.each<[string, JsonValue[]]>([
    ['texts and numbers', ['a', 1]],
    ['booleans and numbers', [true, 1]],
    ['ids and expanded objects', ['cus_1', { id: 'cus_1' }]],
    ['lists and objects', [[], {}]],
    ['objects without members', [{}, {}]],
    ['names that differ in letter case only', [{ Order: 1 }, { order: 2 }]],
    ['a name that is empty', [{ '': 1 }]],
    ['more members than a record has', [Object.fromEntries(Array.from({ length: 201 }, (_, i) => [`k${i}`, i]))]],
  ])('%s', (_what, values) => {
    expect(typeOf(...values)).toBe('JSON')
  })

  test('only the place where the types differ', () => {
    expect(typeOf({ a: 1, b: { c: 'x' } }, { a: 1, b: { c: 2 } })).toBe('STRUCT("a" BIGINT, "b" STRUCT("c" JSON))')
  })

  test('what is nested deeper than anybody reads', () => {
    const deep = JSON.parse('{"a":'.repeat(5000) + '1' + '}'.repeat(5000))
    expect(typeOf(deep)).toMatch(/^(STRUCT\("a" ){40}JSON\){40}$/)
  })
})

test('rows that fit no columns have none', () => {
  const shape = new RowShape()
  shape.add({ A: 1, a: 2 })
  expect(shape.columns()).toBeNull()
})
