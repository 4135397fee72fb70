import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { matches, parseQuery } from '../../src/search/search-query.ts'
import { objects, print, queries } from './queries.ts'

function isHit(text: string, object: Readonly<Record<string, unknown>>): boolean {
  return matches(parseQuery(text, { lenient: true }), object)
}

const subscription = {
  id: 'sub_1',
  object: 'subscription',
  status: 'active',
  created: 1_700_000_000,
  canceled_at: null,
  metadata: { device_type: 'samsung', Samsung: 'yes', note: 'Living room TV' },
}

test.each([
  'metadata["device_type"]:"samsung"',
  'metadata["device_type"]:"SAMSUNG"',
  'metadata["Samsung"]:"yes"',
  'metadata["device_type"]:"lgtv" OR metadata["LGTV"]:"yes" OR metadata["Samsung"]:"yes"',
  '-metadata["Samsung"]:null',
  'metadata["LGTV"]:null',
  'metadata["note"]~"ROOM t"',
  '-metadata["note"]~"kitchen"',
  '-metadata["LGTV"]:"yes"',
  'canceled_at:null',
  '-canceled_at>5',
  'status:"Active" created>=1700000000 created<1700000001 created:1700000000',
  '(status:"canceled" OR status:"active") -status:"unpaid"',
])('a subscription tagged in both conventions is found by %s', (text) => {
  expect(isHit(text, subscription)).toBe(true)
})

test.each([
  'metadata["device_type"]:"sam"',
  'metadata["device_type"]:"samsung tv"',
  'metadata["samsung"]:"yes"',
  'metadata["Samsung"]:null',
  'metadata["toString"]~"function"',
  '-metadata["toString"]:null',
  'metadata["LGTV"]~"yes"',
  'status:"activ"',
  'created>1700000000',
  'canceled_at<5',
  'canceled_at:0',
  '-canceled_at:null',
])('and not by %s', (text) => {
  expect(isHit(text, subscription)).toBe(false)
})

test.each([
  ['one two three', true],
  ['one two three four', true],
  ['ONE  TWO\nTHREE', true],
  ['zero one two and three', true],
  ['one three two', false],
  ['one two threefold', false],
  ['one two', false],
])('name:"one two three" about the name %j is %s', (name, expected) => {
  expect(isHit('name:"one two three"', { object: 'customer', name })).toBe(expected)
})

test('a part of a text is found inside words, whatever the case', () => {
  expect(isHit('email~"AMY"', { email: 'xamy@rocketrides.io' })).toBe(true)
  expect(isHit('name~"ΑΣΑ"', { name: 'λασας' })).toBe(true)
  expect(isHit('name~"λας"', { name: 'ΜΕΛΑΣΑ' })).toBe(true)
  expect(isHit('email~"amy"', { email: null })).toBe(false)
})

test('refunded tells wholly, in part and not at all apart', () => {
  const whole = { refunded: true, amount_refunded: 100 }
  const part = { refunded: false, amount_refunded: 40 }
  const none = { refunded: false, amount_refunded: 0 }
  const found = (text: string) => [whole, part, none].map((charge) => isHit(text, charge))
  expect(found('refunded:"true"')).toEqual([true, false, false])
  expect(found('refunded:"false"')).toEqual([false, true, false])
  expect(found('refunded:null')).toEqual([false, false, true])
  expect(found('-refunded:"true"')).toEqual([false, true, true])
})

test('true and false, numbers and references are compared as their text', () => {
  const card = { last4: '0042', exp_month: 12 }
  const charge = { disputed: false, customer: { id: 'cus_1', object: 'customer' }, payment_method_details: { card } }
  expect(isHit('disputed:"false" customer:"cus_1"', charge)).toBe(true)
  expect(isHit('payment_method_details.card.last4:0042', charge)).toBe(true)
  expect(isHit('payment_method_details.card.last4:42', charge)).toBe(false)
  expect(isHit('payment_method_details.card.exp_month:12', charge)).toBe(true)
  expect(isHit('payment_method_details.card_present.exp_month:null', charge)).toBe(true)
})

test.each([{}, { metadata: null }, { metadata: [] }, { metadata: 'x' }, { metadata: { k: '' } }])(
  'an object with the metadata of %j has no key',
  (object) => {
    expect(isHit('metadata["k"]:null metadata["0"]:null', object)).toBe(true)
  },
)

test('a query holds just where its clauses say, and its negation just elsewhere', () => {
  fc.assert(
    fc.property(queries({ mixed: true }), objects, (query, object) => {
      const holds = isHit(print(query), object)
      if (query.kind === 'clause') return
      const parts = query.parts.map((part) => isHit(print(part), object))
      expect(holds).toBe(query.kind === 'all' ? parts.every(Boolean) : parts.some(Boolean))
    }),
  )
  fc.assert(
    fc.property(queries({ mixed: false }), objects, (query, object) => {
      if (query.kind !== 'clause') return
      const opposite = { ...query, negated: !query.negated }
      expect(isHit(print(opposite), object)).toBe(!isHit(print(query), object))
    }),
  )
})
