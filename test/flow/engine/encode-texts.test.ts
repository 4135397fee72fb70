import { expect, test } from '@jest/globals'
import { encodeTexts } from '../../../src/flow/engine/encode-texts.ts'

const TEXTS = ['', '{"data":{"id":"ch_1"}}', '{"name":"가나다 é 😀"}', '한'.repeat(400_000), 'x', '\ud83d']

test('encodes texts as UTF-8, each apart', () => {
  expect(encodeTexts(TEXTS)).toEqual(TEXTS.map((text) => new Uint8Array(Buffer.from(text))))
})

test('encodes what is larger than any memory that is kept', () => {
  const long = '한'.repeat(3_000_000)
  const [encoded] = encodeTexts([long])
  expect(Buffer.from(encoded!).toString()).toBe(long)
})

test('texts that were encoded before stay as they are', () => {
  const before = encodeTexts(TEXTS)
  encodeTexts(['something else', 'and more'])
  expect(before).toEqual(TEXTS.map((text) => new Uint8Array(Buffer.from(text))))
})

test('the texts of a page share one piece of memory that holds nothing else', () => {
  const encoded = encodeTexts(TEXTS)
  expect(new Set(encoded.map(({ buffer }) => buffer)).size).toBe(1)
  expect(encoded[0]!.buffer.byteLength).toBe(Buffer.byteLength(TEXTS.join('')))
})
