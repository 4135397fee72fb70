import { createHash } from 'node:crypto'
import { expect, test } from '@jest/globals'
import { measureBody } from '../../../src/flow/engine/measure-body.ts'

test.each([
  ['an empty one', ''],
  ['a short one', '{"data":{"id":"ch_1"}}'],
  ['one of several bytes a character', '{"name":"가나다 é 😀"}'],
  ['one that just fits the scratch memory', 'x'.repeat(21_845)],
  ['one that does not', '한'.repeat(21_846)],
  ['one with half a surrogate pair', '\ud83d'],
])('measures %s as it is stored', (_, body) => {
  expect(measureBody(body)).toEqual({
    contentHash: createHash('sha256').update(body).digest('base64'),
    bytes: Buffer.byteLength(body),
  })
})

test('a body measured after a longer one keeps nothing of it', () => {
  const alone = measureBody('short')
  measureBody('a longer body than that')
  expect(measureBody('short')).toEqual(alone)
})
