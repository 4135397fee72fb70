import { describe, expect, test } from '@jest/globals'
import { FlowServiceError } from '../../src/errors.ts'
import { createTokenCodec } from '../../src/http/continuation-token.ts'

const KEY = Buffer.alloc(32, 1)
const NEW_KEY = Buffer.alloc(32, 2)
const codec = createTokenCodec(KEY)
const SCOPE = 'ACME@AdobeOrg prod flows'
const PAYLOAD = { after: ['2026-01-01', 17, null], filter: ['name==ü?&=%+'] }

function refused(decode: () => unknown): void {
  let error: unknown
  try {
    decode()
  } catch (thrown) {
    error = thrown
  }
  expect(error).toBeInstanceOf(FlowServiceError)
  expect(error).toMatchObject({ code: '1452-400' })
}

describe('a continuation token', () => {
  test('gives back what it was made from', () => {
    for (const payload of [PAYLOAD, [], 'x', 0, null])
      expect(codec.decode(SCOPE, codec.encode(SCOPE, payload))).toEqual(payload)
  })

  test('holds no character that a client could trip over', () => {
    for (let length = 0; length < 20; length++) {
      expect(codec.encode(SCOPE, 'ÿ'.repeat(length))).toMatch(/^[A-Za-z0-9_-]+$/)
    }
  })

  test('counts in its own scope only', () => {
    const token = codec.encode(SCOPE, PAYLOAD)
    for (const scope of ['ACME@AdobeOrg dev flows', 'GLOBEX@AdobeOrg prod flows', 'ACME@AdobeOrg prod runs', '']) {
      refused(() => codec.decode(scope, token))
    }
  })

  test('that was changed anywhere, cut or lengthened is refused', () => {
    const token = codec.encode(SCOPE, PAYLOAD)
    for (let index = 0; index < token.length; index++) {
      refused(() =>
        codec.decode(SCOPE, token.slice(0, index) + (token[index] === 'A' ? 'B' : 'A') + token.slice(index + 1)),
      )
      refused(() => codec.decode(SCOPE, token.slice(0, index)))
    }
    for (const more of ['A', '=', ' ', '.', '\n']) refused(() => codec.decode(SCOPE, token + more))
  })

  test.each(['', 'x', 'null', 'a'.repeat(100), '%00', '../..', '{"after":1}'])(
    'that was made up is refused: %j',
    (token) => {
      refused(() => codec.decode(SCOPE, token))
    },
  )

  test('of another key is refused unless that key is an old one', () => {
    const token = codec.encode(SCOPE, PAYLOAD)
    refused(() => createTokenCodec(NEW_KEY).decode(SCOPE, token))
    expect(createTokenCodec(NEW_KEY, [KEY]).decode(SCOPE, token)).toEqual(PAYLOAD)
  })
})
