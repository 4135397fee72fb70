import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { FUNCTIONS } from '../../src/mapping/functions/registry.ts'
import { ExpressionError } from '../../src/mapping/language/errors.ts'
import { createMapper } from '../../src/mapping/mapper.ts'
import type { SourceType } from '../../src/mapping/mapper.ts'

const PROTOTYPE_BEFORE = Reflect.ownKeys(Object.prototype).length

const names = fc.constantFrom('data', 'a', '__proto__', 'constructor', 'prototype', '${for}', 'x1', 'é')
const literals = fc.oneof(
  fc.integer().map(String),
  fc.double({ noNaN: true, noDefaultInfinity: true, min: 0 }).map((number) => number.toFixed(3)),
  fc.string({ maxLength: 8 }).map((text) => JSON.stringify(text)),
  fc.constantFrom('true', 'false', 'null', '"(a+)+$"', '"yyyy-MM-dd"', '"2020-01-01"', '[]', '{}'),
)
const operators = fc.constantFrom(
  '+',
  '-',
  '*',
  '/',
  '%',
  '==',
  '!=',
  '<',
  '>=',
  '&&',
  '||',
  '??',
  ' eq ',
  ' and ',
  ' mod ',
  '&',
)

const { expression } = fc.letrec<{ expression: string }>((tie) => ({
  expression: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    literals,
    fc.array(names, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('.')),
    fc.tuple(tie('expression'), operators, tie('expression')).map((parts) => parts.join(' ')),
    fc
      .tuple(fc.constantFrom(...FUNCTIONS.map(({ name }) => name)), fc.array(tie('expression'), { maxLength: 4 }))
      .map(([name, args]) => `${name}(${args.join(', ')})`),
    fc.tuple(tie('expression'), names).map(([inner, name]) => `(${inner}).${name}`),
    fc.tuple(tie('expression'), tie('expression')).map(([inner, key]) => `(${inner})[${key}]`),
    fc.tuple(tie('expression'), tie('expression'), tie('expression')).map(([a, b, c]) => `(${a}) ? (${b}) : (${c})`),
    fc.array(tie('expression'), { maxLength: 3 }).map((items) => `[${items.join(', ')}]`),
    tie('expression').map((inner) => `!(${inner})`),
  ),
}))

const records = fc.oneof(
  fc.object({ key: fc.constantFrom('data', 'a', '__proto__', 'constructor', 'x1'), maxDepth: 4 }),
  fc.jsonValue(),
)

/** Runs a mapping and lets only the language's own refusal pass. */
function run(sourceType: SourceType, source: string, destination: string, record: unknown): void {
  try {
    const result = createMapper({ mappings: [{ sourceType, source, destination }] }, null).map(record)
    JSON.stringify(result)
  } catch (error) {
    if (!(error instanceof ExpressionError)) throw error
  }
}

test('well-formed expressions on any record end with a value or a refusal', () => {
  fc.assert(
    fc.property(expression, records, (source, record) => run('EXPRESSION', source, 't', record)),
    { numRuns: 3000 },
  )
})

test('any text is read or refused', () => {
  const pieces = fc.constantFrom(
    ...'()[]{}.,;:?!~"\'\\$*+-/%=<>&|^ \n\t0a',
    '${',
    '}',
    'if',
    'else',
    'for',
    'now',
    '🙂',
    '\u0000',
  )
  const noise = fc.oneof(
    fc.string({ unit: 'binary', maxLength: 60 }),
    fc.array(pieces, { maxLength: 60 }).map((list) => list.join('')),
  )
  fc.assert(
    fc.property(noise, noise, (source, destination) => {
      run('EXPRESSION', source, 't', {})
      run('ATTRIBUTE', source, destination, { a: 1 })
    }),
    { numRuns: 3000 },
  )
})

test('any pattern on any text ends', () => {
  const pieces = fc.constantFrom(
    'a',
    'b',
    '.',
    '*',
    '+',
    '?',
    '(',
    ')',
    '|',
    '[',
    ']',
    '^',
    '$',
    '{2,}',
    '\\d',
    '\\',
    '(?:',
  )
  const pattern = fc.array(pieces, { maxLength: 20 }).map((list) => list.join(''))
  fc.assert(
    fc.property(pattern, fc.string({ unit: fc.constantFrom('a', 'b', '1'), maxLength: 300 }), (source, text) => {
      for (const name of ['matches_regex', 'extract_regex', 'explode']) {
        run('EXPRESSION', `${name}(v, ${JSON.stringify(source)})`, 't', { v: text })
      }
    }),
    { numRuns: 1000 },
  )
})

test('any destination writes own members only', () => {
  const path = fc.array(fc.oneof(names, fc.constantFrom('a[0]', 'a[*]', '__proto__[1]')), {
    minLength: 1,
    maxLength: 4,
  })
  fc.assert(
    fc.property(path, records, (segments, record) => run('ATTRIBUTE', 'data', segments.join('.'), record)),
    { numRuns: 1000 },
  )
  expect(Reflect.ownKeys(Object.prototype)).toHaveLength(PROTOTYPE_BEFORE)
})

test('the process is out of reach', () => {
  const attempts = [
    'process.exit(1)',
    'globalThis.process',
    'require("fs")',
    'constructor.constructor("return process")()',
    '"".constructor.constructor',
    '[].map(constructor)',
    'this',
    '${process}',
    '{}.__proto__.polluted',
  ]
  for (const source of attempts) {
    let written: unknown
    try {
      written = createMapper({ mappings: [{ sourceType: 'EXPRESSION', source, destination: 't' }] }, null).mapPartly(
        {},
      ).xdm
    } catch (error) {
      expect(error).toBeInstanceOf(ExpressionError)
    }
    expect(written ?? {}).toEqual({})
  }
})
