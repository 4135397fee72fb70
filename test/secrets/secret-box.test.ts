import { describe, expect, test } from '@jest/globals'
import { createSecretBox, deriveKey, keyIdOf } from '../../src/secrets/secret-box.ts'

const OLD_KEY = Buffer.alloc(32, 1)
const KEY = Buffer.alloc(32, 2)
const box = createSecretBox({ current: KEY, old: [] })

describe('a sealed text', () => {
  test.each(['rk_test_123', '', 'ü€😀', 'x'.repeat(10_000)])('opens in its context: %.20s', (secret) => {
    expect(box.open(box.seal(secret, 'connection-1'), 'connection-1')).toBe(secret)
  })

  test('has the form v1.<keyId>.<iv>.<ciphertext>.<tag>', () => {
    const [version, keyId, iv = '', ciphertext = '', tag = '', ...rest] = box.seal('secret', 'c').split('.')
    expect([version, keyId, rest]).toEqual(['v1', keyIdOf(KEY), []])
    expect([iv, ciphertext, tag].map((part) => Buffer.from(part, 'base64url').length)).toEqual([12, 6, 16])
  })

  test('is different every time and never holds the plain text', () => {
    const sealed = [box.seal('secret', 'c'), box.seal('secret', 'c')]
    expect(new Set(sealed).size).toBe(2)
    expect(Buffer.from(sealed[0]?.split('.')[3] ?? '', 'base64url').toString()).not.toBe('secret')
  })

  test('opens nowhere else', () => {
    expect(() => box.open(box.seal('secret', 'connection-1'), 'connection-2')).toThrow(/belongs elsewhere/)
  })

  test('with any part changed does not open', () => {
    const sealed = box.seal('a secret of some length', 'c')
    for (let index = 0; index < sealed.length; index++) {
      const changed = sealed.slice(0, index) + (sealed[index] === 'A' ? 'B' : 'A') + sealed.slice(index + 1)
      expect(() => box.open(changed, 'c')).toThrow()
    }
  })

  test.each(['', 'v1', 'v1.a.b.c', 'plain text', 'v2.a.b.c.d', 'v1.....'])('that is none does not open: %j', (text) => {
    expect(() => box.open(text, 'c')).toThrow(/damaged/)
  })

  test('with a cut tag does not open', () => {
    const parts = box.seal('secret', 'c').split('.')
    const cut = Buffer.from(parts[4] ?? '', 'base64url').subarray(0, 12)
    expect(() => box.open([...parts.slice(0, 4), cut.toString('base64url')].join('.'), 'c')).toThrow(/damaged/)
  })
})

describe('after a rotation', () => {
  const sealedBefore = createSecretBox({ current: OLD_KEY, old: [] }).seal('secret', 'c')
  const rotated = createSecretBox({ current: KEY, old: [OLD_KEY] })

  test('what the old key sealed still opens', () => {
    expect(rotated.open(sealedBefore, 'c')).toBe('secret')
  })

  test('the new key seals', () => {
    expect(box.open(rotated.seal('secret', 'c'), 'c')).toBe('secret')
  })

  test('an unknown key is named as the reason', () => {
    expect(() => box.open(sealedBefore, 'c')).toThrow(/key that is not configured/)
  })
})

test('derived keys differ by purpose and by key, and stay the same', () => {
  const keys = [deriveKey(KEY, 'a'), deriveKey(KEY, 'b'), deriveKey(OLD_KEY, 'a')].map((key) => key.toString('hex'))
  expect(new Set(keys).size).toBe(3)
  expect(deriveKey(KEY, 'a').toString('hex')).toBe(keys[0])
})
