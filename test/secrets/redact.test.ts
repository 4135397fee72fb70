import { expect, test } from '@jest/globals'
import { redactSecrets } from '../../src/secrets/redact.ts'

const tail = '51ABCdefGHIjklMNOpqr'

test.each(['sk_live', 'sk_test', 'rk_live', 'rk_test', 'pk_test', 'rkcs_test', 'whsec'])(
  'masks what looks like a Stripe key: %s',
  (prefix) => {
    const redacted = redactSecrets(`Invalid API Key provided: ${prefix}_${tail}, and "${prefix}_${tail}".`)
    expect(redacted).not.toContain(tail)
    expect(redacted).toMatch(/^Invalid API Key provided: \w+_\*\*\*, and "\w+_\*\*\*"\.$/)
  },
)

test('masks bearer tokens, however they are spelled', () => {
  const text = `Authorization: Bearer abc.def-ghi_j= and bearer%20xyz and {"authorization":"BEARER tok/en+1"}`
  expect(redactSecrets(text)).toBe(`Authorization: Bearer *** and bearer%20*** and {"authorization":"BEARER ***"}`)
})

test('masks the given secrets plain, percent-encoded and inside JSON', () => {
  const secret = 'pass "word"/ü'
  const text = [secret, encodeURIComponent(secret), JSON.stringify({ secret })].join(' | ')
  expect(redactSecrets(text, [secret, ''])).toBe('*** | *** | {"secret":"***"}')
})

test('takes special characters of a secret as they are', () => {
  expect(redactSecrets('a.*b and axxb', ['a.*b'])).toBe('*** and axxb')
})

test('leaves other text alone', () => {
  const text = 'task_1, risk_test, charge ch_123 of cus_456: {"status":"failed"}'
  expect(redactSecrets(text, ['secret'])).toBe(text)
})
