import { expect, test } from '@jest/globals'
import { checkIfMatch, createEtag, normaliseEtag, requireIfMatch } from '../../src/flow/etag.ts'

const ETAG = '"4a1f0c2e-0000-0200-0000-691f9a300000"'
const BARE = ETAG.slice(1, -1)

test('an etag holds its own quotes and the second in which it was made', () => {
  expect(createEtag(0x691f9a30 * 1000 + 999)).toMatch(/^"[0-9a-f]{8}-0000-0200-0000-691f9a300000"$/)
})

test('etags of one moment differ', () => {
  const etags = new Set(Array.from({ length: 200 }, () => createEtag(1_700_000_000_000)))
  expect(etags.size).toBe(200)
})

test.each([
  ['quoted', ETAG],
  ['bare', BARE],
  ['with spaces around', `  ${ETAG} `],
  ['weak', `W/${ETAG}`],
  ['with escaped quotes', `\\"${BARE}\\"`],
  ['with doubly escaped quotes', `\\\\"${BARE}\\\\"`],
  ['any', '*'],
])('an etag matches when it is sent %s', (_, sent) => {
  expect(() => requireIfMatch(sent, ETAG)).not.toThrow()
})

test.each([['"x"'], [`"${ETAG}"`], [BARE.toUpperCase()], ['"'], ['W/']])('%s matches nothing', (sent) => {
  expect(() => checkIfMatch(sent, ETAG)).toThrow(
    `Supplied version=[${sent}] does not match the current version on entity=[${ETAG}]`,
  )
})

test('a lone quote is no pair of quotes', () => {
  expect(normaliseEtag('"')).toBe('"')
})

test('a missing etag is refused only where it is needed', () => {
  for (const missing of [undefined, '', ' ']) {
    expect(() => requireIfMatch(missing, ETAG)).toThrow('If-Match')
    expect(() => checkIfMatch(missing, ETAG)).not.toThrow()
  }
})
