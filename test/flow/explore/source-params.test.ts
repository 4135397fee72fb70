import { describe, expect, test } from '@jest/globals'
import fc from 'fast-check'
import { parseSourceParams } from '../../../src/flow/explore/source-params.ts'

function base64(text: string): string {
  return Buffer.from(text).toString('base64')
}

describe('sourceParams are read', () => {
  const params = { resourcePath: 'charges' }
  const text = base64(JSON.stringify(params))

  test.each([
    ['as the tutorials write them', 'eyJyZXNvdXJjZVBhdGgiOiJjaGFyZ2VzIn0='],
    ['without padding', text.replace(/=+$/, '')],
    ['percent-encoded once more', encodeURIComponent(text)],
    ['with the line break that a shell adds', `${text}\n`],
    ['wrapped into lines', `${text.slice(0, 8)}\r\n${text.slice(8)}`],
  ])('%s', (_name, value) => {
    expect(parseSourceParams(value)).toEqual(params)
  })

  const objects = fc.dictionary(fc.string(), fc.string({ unit: 'binary' }), { maxKeys: 4 })

  test('in the standard and the URL-safe alphabet, padded or not, with spaces for plus signs', () => {
    fc.assert(
      fc.property(objects, fc.boolean(), (original, padded) => {
        const standard = padded ? base64(JSON.stringify(original)) : base64(JSON.stringify(original)).replace(/=+$/, '')
        const urlSafe = standard.replaceAll('+', '-').replaceAll('/', '_')
        for (const value of [standard, urlSafe, standard.replaceAll('+', ' '), encodeURIComponent(standard)]) {
          expect(JSON.stringify(parseSourceParams(value))).toBe(JSON.stringify(original))
        }
      }),
    )
  })
})

describe('sourceParams are refused', () => {
  test.each([
    ['raw JSON', '{"resourcePath":"charges"}'],
    ['foreign characters', 'eyJhIjoxfQ==!'],
    ['padding in the middle', 'eyJh=IjoxfQ'],
    ['a length that no base64 has', 'eyJhI'],
    ['broken UTF-8', Buffer.from([0x7b, 0xff, 0x7d]).toString('base64')],
    ['text that is no JSON', base64('resourcePath=charges')],
    ['a list', base64('[]')],
    ['a text', base64('"charges"')],
    ['null', base64('null')],
    ['nothing but blanks', '   '],
    ['a malformed percent sign', '%E0%A4%A'],
    ['a huge object', base64(JSON.stringify({ a: 'x'.repeat(100_000) }))],
    ['a deep object', base64(`${'{"a":'.repeat(1000)}1${'}'.repeat(1000)}`)],
  ])('%s', (_name, value) => {
    expect(() => parseSourceParams(value)).toThrow(expect.objectContaining({ code: '1389-400' }))
  })

  test('whatever the text is, the answer is an object or this error', () => {
    fc.assert(
      fc.property(fc.string({ maxLength: 200 }), (value) => {
        try {
          expect(typeof parseSourceParams(value)).toBe('object')
        } catch (error) {
          expect(error).toMatchObject({ code: '1389-400' })
        }
      }),
    )
  })
})
