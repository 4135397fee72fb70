import { describe, expect, test } from '@jest/globals'
import { matches } from '../../../src/flow/explore/match-document.ts'
import type { ComparisonOperator, PathSegment } from '../../../src/store/query.ts'

const document = {
  id: 'a1',
  name: 'Stripe',
  state: 'enabled',
  size: 10,
  label: '10',
  nothing: null,
  attributes: { isSource: true, category: 'Payments', status: 'Beta' },
  tags: ['new', 'rest'],
  columns: [{ name: 'id' }, { name: 'amount' }],
}

/** `columns[].name` and the like. */
function path(text: string): readonly PathSegment[] {
  return text.split('.').map((segment) => ({ name: segment.replace('[]', ''), each: segment.endsWith('[]') }))
}

describe('a property filter in memory', () => {
  test.each<[string, ComparisonOperator, string[], boolean]>([
    ['id', '==', ['a1'], true],
    ['id', '==', ['b', 'a1'], true],
    ['id', '==', ['A1'], false],
    ['id', '!=', ['b'], true],
    ['id', '!=', ['b', 'a1'], false],
    ['name', '>', ['Adobe'], true],
    ['state', '==', ['ENABLED'], true],
    ['attributes.status', '==', ['beta'], true],
    ['attributes.category', '==', ['payments'], false],
    ['attributes.isSource', '==', ['true'], true],
    ['attributes.isSource', '!=', ['true'], false],
    ['size', '==', ['10.0'], true],
    ['size', '>', ['9'], true],
    ['size', '<=', ['9'], false],
    ['size', '==', ['ten'], false],
    ['size', '==', [''], false],
    ['size', '!=', ['ten'], true],
    ['label', '==', ['10.0'], false],
    ['label', '>', ['9'], false],
    ['tags', '==', ['rest'], true],
    ['tags[]', '==', ['rest'], true],
    ['tags', '!=', ['rest'], false],
    ['columns[].name', '==', ['amount'], true],
    ['columns.name', '==', ['amount'], true],
    ['columns[].name', '==', ['other'], false],
  ])('%s %s %j is %s', (text, operator, values, expected) => {
    expect(matches(document, { path: path(text), operator, values })).toBe(expected)
  })

  test.each(['missing', 'nothing', 'attributes', 'id.deeper', 'constructor', 'tags.length'])(
    'a path that leads to no value (%s) matches nothing, not even by !=',
    (text) => {
      for (const operator of ['==', '!=', '<', '>='] as const) {
        expect(matches(document, { path: path(text), operator, values: ['x'] })).toBe(false)
      }
    },
  )
})
