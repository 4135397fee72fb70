import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import {
  candidateTerms,
  matches,
  MAX_TERM_LENGTH,
  parseQuery,
  SEARCHABLE_RESOURCES,
  termsOf,
} from '../../src/search/search-query.ts'
import { objects, print, queries } from './queries.ts'

const candidates = (text: string) => candidateTerms(parseQuery(text, { lenient: true }))

test('an object has a term for each pair and key of its metadata, and for its token and string fields', () => {
  const customer = { metadata: { Samsung: 'Yes', n: '' }, name: 'Amy Lee', email: 'Amy@x.io', created: 5, phone: null }
  expect(termsOf(customer, 'customers').toSorted()).toEqual([
    'email:amy@x.io',
    'metadata[Samsung]',
    'metadata[Samsung]:yes',
    'name:amy',
    'name:lee',
  ])
  expect(termsOf({ status: 'active', customer: 'cus_1', metadata: {} }, 'subscriptions')).toEqual(['status:active'])
  expect(termsOf({ status: 'active', metadata: { a: 'b' } }, 'invoices')).toEqual([])
})

test.each([
  ['metadata["device_type"]:"Samsung"', ['metadata[device_type]:samsung']],
  ['-metadata["Samsung"]:null', ['metadata[Samsung]']],
  ['metadata["Samsung"]~"yes"', ['metadata[Samsung]']],
  ['metadata["device_type"]:"lgtv" OR metadata["LGTV"]:"yes"', ['metadata[device_type]:lgtv', 'metadata[LGTV]:yes']],
  ['status:"active" -metadata["a"]:null metadata["b"]:"c"', ['metadata[b]:c']],
  ['currency:"usd" customer:"cus_1"', ['customer:cus_1']],
  ['(status:"a" OR status:"b") currency:"usd"', ['currency:usd']],
  ['name:"amy lee jr"', ['name:amy']],
  ['amount>5 status:"failed"', ['status:failed']],
])('what %s finds has one of %j', (text, terms) => {
  expect(candidates(text)).toEqual(terms)
})

test.each([
  'metadata["a"]:null',
  '-metadata["a"]:"b"',
  '-metadata["a"]~"bcd"',
  '-status:"active"',
  'canceled_at:null',
  'amount>5',
  'amount:5',
  'name~"amy"',
  'status:"active" OR amount>5',
  'payment_method_details.card.exp_month:12',
])('nothing narrows %s', (text) => {
  expect(candidates(text)).toBeNull()
})

test('long values share a term without a cut character, and are still found', () => {
  const metadata = { k: `${'x'.repeat(MAX_TERM_LENGTH - 13)}🎉${'y'.repeat(400)}` }
  const terms = termsOf({ metadata }, 'charges')
  expect(Math.max(...terms.map((term) => term.length))).toBe(MAX_TERM_LENGTH)
  expect(terms.every((term) => term.isWellFormed())).toBe(true)
  expect(terms).toEqual(expect.arrayContaining([...(candidates(`metadata["k"]:"${metadata.k}"`) ?? [])]))
})

test('every hit has one of the candidate terms of its query', () => {
  const cases = fc.tuple(fc.oneof(queries({ mixed: false }), queries({ mixed: true })), objects)
  let [narrowed, hits] = [0, 0]
  fc.assert(
    fc.property(cases, ([bareQuery, object]) => {
      const query = parseQuery(print(bareQuery), { lenient: true })
      const wanted = candidateTerms(query)
      if (wanted === null) return
      narrowed++
      if (!matches(query, object)) return
      hits++
      const terms = new Set(SEARCHABLE_RESOURCES.flatMap((resourcePath) => termsOf(object, resourcePath)))
      expect(wanted.filter((term) => terms.has(term))).not.toEqual([])
    }),
    { numRuns: 3000 },
  )
  expect([narrowed > 100, hits > 20]).toEqual([true, true])
})
