import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { MAX_QUERY_LENGTH, parseQuery, SearchQueryError } from '../../src/search/search-query.ts'
import type { ParseQueryOptions } from '../../src/search/search-query.ts'
import { bare, print, queries } from './queries.ts'

function faultOf(text: string, options?: ParseQueryOptions): SearchQueryError {
  try {
    parseQuery(text, options)
  } catch (error) {
    if (error instanceof SearchQueryError) return error
    throw error
  }
  throw new Error(`${text} was taken`)
}

const clause = (name: string, value: string | null) =>
  ({ kind: 'clause', negated: false, field: { kind: 'path', name }, operator: ':', value }) as const

test('a metadata clause may be written with either kind of quotes', () => {
  const expected = {
    kind: 'clause',
    negated: false,
    field: { kind: 'metadata', key: 'device_type' },
    operator: ':',
    value: 'samsung',
  }
  expect(bare(parseQuery('metadata["device_type"]:"samsung"'))).toEqual(expected)
  expect(bare(parseQuery("metadata['device_type']:'samsung'"))).toEqual(expected)
  expect(bare(parseQuery(` metadata [ 'device_type' ]\n: "samsung" `))).toEqual(expected)
})

test.each([
  ['amount>1000', '>', '1000'],
  ['amount>="10"', '>=', '10'],
  ['amount<=-5.5', '<=', '-5.5'],
  ['email~"amy"', '~', 'amy'],
  ['payment_method_details.card.last4:0042', ':', '0042'],
  ['url:NULL', ':', null],
  ['name:"null"', ':', 'null'],
  ['name:"the \\"Sea\\" \\\\ \\d"', ':', 'the "Sea" \\ \\d'],
  [`name:'it\\'s'`, ':', "it's"],
])('%s has the operator %s and the value %j', (text, operator, value) => {
  expect(parseQuery(text)).toMatchObject({ kind: 'clause', operator, value })
})

test.each(['a:1 b:2', 'a:1 AND b:2', 'a:1 and b:2', '\ta:1\nAnd\nb:2'])('%j asks for both clauses', (text) => {
  expect(bare(parseQuery(text))).toEqual({ kind: 'all', parts: [clause('a', '1'), clause('b', '2')] })
})

test('OR asks for any of the clauses, and a minus negates the clause behind it only', () => {
  const { kind, parts } = bare(parseQuery('a:1 or -b:2 OR c:3')) as Extract<ReturnType<typeof bare>, { parts: unknown }>
  expect(kind).toBe('any')
  expect(parts.map((part) => part.kind === 'clause' && part.negated)).toEqual([false, true, false])
})

test('words that begin like a keyword are fields', () => {
  expect(bare(parseQuery('order:1 android:2 nullable:null'))).toEqual({
    kind: 'all',
    parts: [clause('order', '1'), clause('android', '2'), clause('nullable', null)],
  })
})

test('positions lead to field, operator and value of each clause', () => {
  expect(parseQuery('a:1 AND -b.c >= "2"')).toMatchObject({
    joinedAt: 4,
    parts: [{ at: { field: 0, operator: 1, value: 2 } }, { at: { field: 9, operator: 13, value: 16 } }],
  })
})

test.each([
  ['', 0, 'empty'],
  ['   ', 0, 'empty'],
  ['status', 6, 'ends too early'],
  ['status:  ', 7, 'ends too early'],
  ['a:1 AND', 7, 'ends too early'],
  ['AND a:1', 0, '"AND" is not expected'],
  ['a:1 OR OR b:2', 7, '"OR" is not expected'],
  ['status:active', 7, 'text needs quotation marks: "active"'],
  ['status:"active', 7, 'never closed'],
  ['status:\'active"', 7, 'never closed'],
  ['amount=5', 6, 'write ":"'],
  ['a:1 AND b:2 OR c:3', 12, 'cannot be mixed'],
  ['a:1 OR b:2 AND c:3', 11, 'cannot be mixed'],
  ['a:1 OR b:2 c:3 OR d:4', 11, 'cannot be mixed'],
  ['(a:1)', 0, 'parentheses'],
  ['a:1 AND (b:2)', 8, 'parentheses'],
  ['--a:1', 1, '"-" is not expected'],
  ['a:1b:2', 3, 'space'],
  ['a:"1"b:2', 5, 'space'],
  ['a.b["c"]:1', 3, 'only metadata'],
  ['metadata[device_type]:"x"', 9, 'not expected'],
  ['metadata["a":"b"', 12, 'not expected'],
  ['a:1 ; b:2', 4, '";"'],
  ['a:1 🎉', 4, '"🎉"'],
  ['a!:1', 1, '"!"'],
])('%j is refused at %i: %s', (text, position, message) => {
  const fault = faultOf(text)
  expect(fault.position).toBe(position)
  expect(fault.message).toContain(message)
})

test('a text beyond the length is refused where it becomes too long, however it reads', () => {
  const fits = `a:"${'x'.repeat(MAX_QUERY_LENGTH - 4)}"`
  expect(parseQuery(fits)).toMatchObject({ kind: 'clause' })
  expect(faultOf(`${fits} `).position).toBe(MAX_QUERY_LENGTH)
  expect(faultOf('('.repeat(1_000_000)).position).toBe(MAX_QUERY_LENGTH)
})

test('a lenient query binds AND more tightly than OR', () => {
  expect(bare(parseQuery('a:1 OR b:2 c:3', { lenient: true }))).toEqual({
    kind: 'any',
    parts: [clause('a', '1'), { kind: 'all', parts: [clause('b', '2'), clause('c', '3')] }],
  })
})

test('parentheses of a lenient query group, and vanish where they change nothing', () => {
  expect(bare(parseQuery('(a:1 OR b:2)(c:3)', { lenient: true }))).toEqual({
    kind: 'all',
    parts: [{ kind: 'any', parts: [clause('a', '1'), clause('b', '2')] }, clause('c', '3')],
  })
  expect(bare(parseQuery('((a:1)) AND (b:2 AND c:3)', { lenient: true }))).toEqual({
    kind: 'all',
    parts: [clause('a', '1'), clause('b', '2'), clause('c', '3')],
  })
})

test.each([
  ['(a:1', 4, 'ends too early'],
  ['a:1)', 3, '")" is not expected'],
  ['()', 1, '")" is not expected'],
  ['-(a:1)', 1, 'single clause'],
  [`${'('.repeat(21)}a:1${')'.repeat(21)}`, 20, 'nested'],
  [')'.repeat(2000), 0, 'not expected'],
])('the lenient query %j is refused at %i: %s', (text, position, message) => {
  const fault = faultOf(text, { lenient: true })
  expect(fault.position).toBe(position)
  expect(fault.message).toContain(message)
})

test('a printed query parses to itself', () => {
  fc.assert(fc.property(queries({ mixed: false }), (query) => expect(bare(parseQuery(print(query)))).toEqual(query)))
  fc.assert(
    fc.property(queries({ mixed: true }), (query) =>
      expect(bare(parseQuery(print(query), { lenient: true }))).toEqual(query),
    ),
  )
})

test('any text is parsed or refused at a position inside it', () => {
  const pieces = [
    'a',
    'metadata',
    '"b"',
    "'",
    '"',
    '[',
    ']',
    ':',
    '~',
    '>=',
    '-',
    '(',
    ')',
    ' ',
    'AND',
    'or',
    'null',
    '1',
    '.',
    '\\',
    'é',
  ]
  const texts = fc.oneof(
    fc.string(),
    fc.array(fc.constantFrom(...pieces), { maxLength: 30 }).map((each) => each.join('')),
  )
  fc.assert(
    fc.property(texts, fc.boolean(), (text, lenient) => {
      try {
        parseQuery(text, { lenient })
      } catch (error) {
        if (!(error instanceof SearchQueryError)) throw error
        expect(error.position).toBeGreaterThanOrEqual(0)
        expect(error.position).toBeLessThanOrEqual(text.length)
      }
    }),
    { numRuns: 500 },
  )
})
