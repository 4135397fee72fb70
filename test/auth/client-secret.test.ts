import { expect, test } from '@jest/globals'
import { hashClientSecret, verifyClientSecret } from '../../src/auth/client-secret.ts'

test('a hash proves its secret and no other', async () => {
  const stored = await hashClientSecret('correct horse')
  expect(stored).toMatch(/^scrypt\$[A-Za-z0-9_-]{22}\$[A-Za-z0-9_-]{43}$/)
  expect(await verifyClientSecret('correct horse', stored)).toBe(true)
  expect(await verifyClientSecret('correct horses', stored)).toBe(false)
  expect(await verifyClientSecret('', stored)).toBe(false)
})

test('two hashes of one secret differ', async () => {
  expect(await hashClientSecret('same')).not.toBe(await hashClientSecret('same'))
})

test.each(['', 'plain', 'scrypt$$', 'scrypt$c2FsdA$c2hvcnQ', 'md5$c2FsdA$aGFzaA'])(
  'a damaged hash proves nothing: %j',
  async (stored) => {
    expect(await verifyClientSecret('secret', stored)).toBe(false)
  },
)
