import { expect, test } from '@jest/globals'
import { checkFields, parseQuery, SearchQueryError, SEARCHABLE_RESOURCES } from '../../src/search/search-query.ts'
import { searchableOf } from '../../src/search/fields.ts'

function faultOf(text: string, resourcePath: string): SearchQueryError | undefined {
  const query = parseQuery(text, { lenient: true })
  try {
    checkFields(query, resourcePath)
  } catch (error) {
    if (error instanceof SearchQueryError) return error
    throw error
  }
  return undefined
}

test.each([
  ['charges', 'amount>1000 created<=1620310503 currency:"usd" customer:"cus_123" status:"succeeded"'],
  ['charges', 'billing_details.address.postal_code:12345 disputed:"true" refunded:null metadata["key"]:"value"'],
  ['charges', 'payment_method_details.card.last4:1234 payment_method_details.card_present.exp_month:12'],
  ['charges', 'payment_method_details.interac_present.exp_year:2022 payment_method_details.card.fingerprint:"fp"'],
  ['customers', 'created>1620310503 email~"amyt" name~"amy" phone:"+19999999999" -metadata["k"]:null'],
  ['prices', 'active:"true" currency:"usd" lookup_key:"standard_monthly" product:"prod_123" type:"recurring"'],
  ['subscriptions', 'status:"active" created>"1620310503" canceled_at:null metadata["device_type"]~"sam"'],
  ['refunds', 'amount>=100 charge:"ch_1" payment_intent:"pi_1" reason:"duplicate" metadata["agent"]:"bo"'],
  ['balance_transactions', 'type:"charge" net<0 fee>10 available_on>1 source:"ch_1" reporting_category:"charge"'],
])('%s can be asked %s', (resourcePath, text) => {
  expect(faultOf(text, resourcePath)).toBeUndefined()
})

test.each([
  ['subscriptions', 'status:"active" AND device:"samsung"', 20, 'device is no searchable field of subscriptions'],
  ['subscriptions', '-customer:"cus_1"', 1, 'customer is no searchable field of subscriptions'],
  ['charges', 'payment_method_details.ideal.last4:1', 0, 'is no searchable field of charges'],
  ['charges', 'constructor:"x"', 0, 'constructor is no searchable field'],
  ['prices', 'created>1', 0, 'created is no searchable field of prices'],
  ['balance_transactions', 'metadata["k"]:"v"', 0, 'metadata["k"] is no searchable field of balance_transactions'],
  ['subscriptions', 'metadata:"v"', 0, 'by key'],
  ['subscriptions', 'metadata.k:"v"', 0, 'by key'],
  ['subscriptions', 'metadata[""]:"v"', 0, 'key of the metadata is empty'],
  ['subscriptions', 'status~"act"', 6, '"~" is not supported by the token field status'],
  ['subscriptions', 'status>"active"', 6, '">" is not supported by the token field'],
  ['customers', 'name>"amy"', 4, '">" is not supported by the string field'],
  ['charges', 'metadata["k"]>5', 13, '">" is not supported by the metadata field'],
  ['charges', 'amount~"100"', 6, '"~" is not supported by the numeric field'],
  ['charges', 'amount:"abc"', 7, 'is compared with a number'],
  ['charges', 'amount>null', 7, 'null can only be asked for with ":"'],
  ['customers', 'email~null', 6, 'null can only be asked for with ":"'],
  ['customers', 'email~"am"', 6, 'at least 3 characters'],
  ['customers', 'name~"🎉🎉"', 5, 'at least 3 characters'],
  ['customers', 'name:"  "', 5, 'empty text'],
  ['charges', 'status:""', 7, 'empty text'],
  ['charges', 'disputed:"yes"', 9, 'can only be "true", "false" or null'],
])('%s cannot be asked %s: refused at %i', (resourcePath, text, position, message) => {
  const fault = faultOf(text, resourcePath)
  expect(fault?.position).toBe(position)
  expect(fault?.message).toContain(message)
})

test('a query has up to ten clauses, in groups or not', () => {
  const ten = Array.from({ length: 10 }, (_, at) => `created>${at}`)
  expect(faultOf(ten.join(' '), 'charges')).toBeUndefined()
  const eleven = [...ten, 'amount>1'].join(' ')
  expect(faultOf(eleven, 'charges')?.position).toBe(eleven.indexOf('amount'))
  const grouped = `(${ten.join(' OR ')}) amount>1`
  expect(faultOf(grouped, 'charges')?.position).toBe(grouped.indexOf('amount'))
})

test('the first fault of a text is told, whatever its kind', () => {
  const many = Array.from({ length: 11 }, () => 'amount~"abc"').join(' ')
  expect(faultOf(many, 'charges')?.position).toBe(6)
})

test.each(['events', 'invoices', 'constructor', ''])('%j cannot be searched at all', (resourcePath) => {
  const fault = faultOf('created>1', resourcePath)
  expect(fault?.position).toBe(0)
  expect(fault?.message).toContain('these can be: charges, customers')
})

test('a name is compared the same way wherever it stands', () => {
  const classes = new Map<string, string>()
  for (const resourcePath of SEARCHABLE_RESOURCES) {
    for (const [name, spec] of Object.entries(searchableOf(resourcePath)?.fields ?? {})) {
      const shown = JSON.stringify(spec)
      expect([name, classes.get(name) ?? shown]).toEqual([name, shown])
      classes.set(name, shown)
    }
  }
})
