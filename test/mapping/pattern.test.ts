import { expect, test } from '@jest/globals'
import fc from 'fast-check'
import { Budget } from '../../src/mapping/language/budget.ts'
import { compilePattern } from '../../src/mapping/patterns/pattern.ts'

const find = (pattern: string, text: string) => compilePattern(pattern).find(text, new Budget())

test.each([
  ['a|ab', 'ab'],
  ['(a+)(b*?)c', 'xaabbcc'],
  ['(?:x|y)+z', 'xyxz'],
  ['[^,;]+', ',;ab,'],
  ['[a-c\\d_-]{2,4}', 'zza1-_9'],
  ['^\\s*(\\w+)\\s*$', '  word '],
  ['\\bcat\\b', 'concat cat'],
  ['(a?)*b', 'aab'],
  ['(a|b)*?c', 'abc'],
  ['x{0}y', 'xy'],
  ['(?<year>\\d{4})-(\\d\\d)', 'on 2024-05'],
  ['\\u0041\\x42', 'AB'],
  ['[]a]+', ']a]'],
  ['', 'abc'],
  ['a.c', 'a\nc abc'],
  ['()', ''],
])('%s finds in "%s" what JavaScript finds', (pattern, text) => {
  const wanted = new RegExp(pattern === '[]a]+' ? '[\\]a]+' : pattern).exec(text)
  expect(find(pattern, text)).toEqual(wanted === null ? null : [...wanted].map((group) => group ?? null))
})

test('agrees with JavaScript on random patterns and texts', () => {
  const atom = fc.constantFrom('a', 'b', '.', '[ab]', '[^a]', '(a)', '(?:b|ab)', '(a|b)', '\\w', '\\b', '^', '$')
  const piece = fc.tuple(atom, fc.constantFrom('', '', '?', '+', '{1,2}', '*?', '*')).map(([left, right]) => {
    // JavaScript lets nothing repeat an assertion, and treats captures of empty loops differently.
    return /^(\^|\$|\\b)$/.test(left) ? left : left.startsWith('(') && /[*+?{]/.test(right) ? left : left + right
  })
  const pattern = fc.array(piece, { minLength: 1, maxLength: 6 }).map((pieces) => pieces.join(''))
  fc.assert(
    fc.property(pattern, fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 12 }), (source, text) => {
      const wanted = new RegExp(source).exec(text)
      expect(find(source, text)).toEqual(wanted === null ? null : [...wanted].map((group) => group ?? null))
      expect(compilePattern(source).matches(text, new Budget())).toBe(new RegExp(`^(?:${source})$`).test(text))
    }),
    { numRuns: 2000 },
  )
})

test.each(['(a+)+$', '(a|a)*$', '(a|aa)+$', '(.*)*x', 'a*a*a*a*a*a*a*b', '(?:a?){50}a{50}'])(
  '%s, which backtracks without end elsewhere, comes to an end',
  (pattern) => {
    expect(compilePattern(pattern).matches(`${'a'.repeat(2000)}!`, new Budget())).toBe(false)
  },
)

test('a search that would cost too much is refused', () => {
  expect(() => compilePattern('(?:[ab]{500}){1,3}').find('a'.repeat(20_000), new Budget())).toThrow('too long')
  const budget = new Budget(1000)
  expect(() => compilePattern('a.*b').split('a'.repeat(5000), budget)).toThrow('too many steps')
})

test.each([
  ['(', 'not closed'],
  [')', 'too many'],
  ['[a', 'not closed'],
  ['*a', 'nothing to repeat'],
  ['a**', 'repeats a repetition'],
  ['a++', 'possessive'],
  ['a{2,1}', 'not between'],
  ['a{9999}', 'not between'],
  ['a{', 'begins no repetition'],
  ['(?=a)', 'lookaround'],
  ['(?<!a)', 'lookaround'],
  ['(a)\\1', 'back-reference'],
  ['\\', 'ends too early'],
  ['\\q', 'not supported'],
  ['[z-a]', 'no range'],
  ['[[:alpha:]]', 'class inside a class'],
  ['\\p{Nonsense}', 'does not exist'],
  ['\\u12', 'damaged'],
  ['(?:a{1000}){1000}', 'too many or too long'],
  [`${'('.repeat(40)}`, 'levels deep'],
  ['a'.repeat(1001), 'more than 1000 characters'],
])('refuses the pattern %s', (pattern, message) => {
  expect(() => compilePattern(pattern)).toThrow(message)
})

test.each([
  ['\\p{L}+', 'été 1', 'été'],
  ['\\p{Upper}\\P{Upper}', 'aBc', 'Bc'],
  ['(?i)[^a]', 'Ab', 'b'],
  ['\\Aab\\z', 'ab', 'ab'],
])('knows %s', (pattern, text, found) => {
  expect(find(pattern, text)?.[0]).toBe(found)
})
