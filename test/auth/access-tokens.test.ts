import { expect, test } from '@jest/globals'
import { ACCESS_TOKEN_SECONDS, createAccessTokens, technicalAccountOf } from '../../src/auth/access-tokens.ts'
import type { Clock } from '../../src/clock.ts'

const KEY = Buffer.alloc(32, 1)
const NEW_KEY = Buffer.alloc(32, 2)
const CLAIMS = { clientId: 'client', orgId: 'A@AdobeOrg' }

const at = (seconds: number): Clock => ({ now: () => seconds * 1000, sleep: async () => {} })

test('a token says who its bearer is', async () => {
  const tokens = createAccessTokens({ current: KEY, old: [] }, at(1000))
  expect(await tokens.verify(await tokens.issue(CLAIMS))).toEqual(CLAIMS)
})

test('a token of an old key is good as long as the key is named', async () => {
  const token = await createAccessTokens({ current: KEY, old: [] }, at(1000)).issue(CLAIMS)
  expect(await createAccessTokens({ current: NEW_KEY, old: [KEY] }, at(1000)).verify(token)).toEqual(CLAIMS)
  expect(await createAccessTokens({ current: NEW_KEY, old: [] }, at(1000)).verify(token)).toBeNull()
})

test('a token expires', async () => {
  const token = await createAccessTokens({ current: KEY, old: [] }, at(1000)).issue(CLAIMS)
  const verify = (seconds: number) => createAccessTokens({ current: KEY, old: [] }, at(seconds)).verify(token)
  expect(await verify(1000 + ACCESS_TOKEN_SECONDS - 1)).toEqual(CLAIMS)
  expect(await verify(1000 + ACCESS_TOKEN_SECONDS)).toBeNull()
})

test.each(['', '.', '..', 'a.b.c', 'null', '{}', 'é'.repeat(50)])('no token at all is null: %j', async (text) => {
  expect(await createAccessTokens({ current: KEY, old: [] }, at(1000)).verify(text)).toBeNull()
})

test('a technical account stays the same and tells clients apart', () => {
  expect(technicalAccountOf('a')).toBe(technicalAccountOf('a'))
  expect(technicalAccountOf('a')).not.toBe(technicalAccountOf('b'))
  expect(technicalAccountOf('a')).toMatch(/^[0-9A-F]{24}@techacct\.adobe\.com$/)
})
