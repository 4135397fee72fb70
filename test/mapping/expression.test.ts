import { describe, expect, test } from '@jest/globals'
import { describeOperators } from '../../src/mapping/language/operators.ts'
import { RESERVED_WORDS } from '../../src/mapping/language/tokens.ts'
import { parsePath } from '../../src/mapping/language/parse.ts'
import { evaluateText } from './evaluate-text.ts'

const record = {
  data: {
    id: 'ch_1',
    amount: 1099,
    created: 1_679_090_539,
    paid: true,
    customer: null,
    currency: 'usd',
    lines: [{ amount: 1, tags: ['a'] }, { amount: 2 }, { tags: ['b', 'c'] }],
    'First Name': 'Ada',
    new: 'reserved',
    été: 'summer',
    名前: 'name',
    𝒜𝓑: 'letters',
  },
}
const run = (source: string) => evaluateText(source, record)

test.each([
  ['1 + 2 * 3', 7],
  ['(1 + 2) * 3', 9],
  ['10 - 2 - 3', 5],
  ['7 / 2', 3.5],
  ['7 div 2', 3.5],
  ['data.amount / 100', 10.99],
  ['7 % 4', 3],
  ['7 mod 4', 3],
  ['-data.amount + 1', -1098],
  ['--3', 3],
  ['~33', -34],
  ['6 & 3', 2],
  ['6 | 3', 7],
  ['6 ^ 3', 5],
  ['1.5e2L', 150],
  ['"a" + 1', 'a1'],
  ['"12" * "2"', 24],
])('computes %s', (source, result) => {
  expect(run(source)).toBe(result)
})

test.each([
  ['1 < 2', true],
  ['2 lt 1', false],
  ['2 >= 2', true],
  ['2 ge 3', false],
  ['1 le 1', true],
  ['1 gt 0', true],
  ['"b" > "a"', true],
  ['data.currency == "usd"', true],
  ['data.currency eq "eur"', false],
  ['data.currency ne "eur"', true],
  ['1 == 1.0', true],
  ['"10" == 10', true],
  ['[1, 2] == [1, 2]', true],
  ['{"a": 1} == {"a": 1}', true],
  ['{"a": 1} == {"b": 1}', false],
  ['date("2020-01-01") == date("2020-01-01T01:00:00+01:00")', true],
  ['true && !false', true],
  ['true and not false', true],
  ['false || 1', true],
  ['false or ""', false],
  ['data.nothing == null', true],
  ['data.customer eq null', true],
  ['null < 1', false],
  ['1 + 1 == 2 and 2 * 2 == 4 or false', true],
])('compares %s', (source, result) => {
  expect(run(source)).toBe(result)
})

test.each([
  ['data.paid ? "yes" : "no"', 'yes'],
  ['data.customer ? 1 : data.paid ? 2 : 3', 2],
  ['data.customer ?: "nobody"', 'nobody'],
  ['data.customer ?? "nobody"', 'nobody'],
  ['0 ?? 1', 0],
  ['0 ?: 1', 1],
  ['if (data.amount > 1000) "large" else "small"', 'large'],
  ['if (data.amount > 5000) { "large"; } else if (data.paid) { "paid" } else { "open" }', 'paid'],
  ['if (data.customer) 1', null],
])('chooses %s', (source, result) => {
  expect(run(source)).toBe(result)
})

test('a side that does not decide is not computed', () => {
  expect(run('false && 1 / 0')).toBe(false)
  expect(run('true || 1 / 0')).toBe(true)
  expect(run('1 ?? 1 / 0')).toBe(1)
  expect(run('data.paid ? 1 : 1 / 0')).toBe(1)
  expect(run('iif(data.paid, 1, 1 / 0)')).toBe(1)
  expect(run('decode("a", "a", 1, "b", 1 / 0)')).toBe(1)
})

test.each([
  ['data.lines[0].amount', 1],
  ['data.lines[-1].tags', ['b', 'c']],
  ['data.lines[9].amount', null],
  ['data.lines[*].amount', [1, 2]],
  ['size_of(data.lines[*].amount)', 3],
  ['data["id"]', 'ch_1'],
  ['data[concat("i", "d")]', 'ch_1'],
  ['data.lines[1 + 0].amount', 2],
  ['data.${First Name}', 'Ada'],
  ['data.${new}', 'reserved'],
  ['data.été', 'summer'],
  ['data.名前', 'name'],
  ['data.𝒜𝓑', 'letters'],
  ['split("a b", " ")[1]', 'b'],
  ['{"a": {b: [1, 2]}}.a.b[1]', 2],
  ['data.id.length', null],
  ['data.lines.amount', null],
  ['data.amount[0]', null],
])('reads %s', (source, result) => {
  expect(run(source)).toEqual(result)
})

test.each([
  ['"say \\"hi\\""', 'say "hi"'],
  ["'it\\'s'", "it's"],
  ['"tab\\tline\\n"', 'tab\tline\n'],
  ['"\\u20ac"', '€'],
  ['"a\\d+\\.b"', 'a\\d+\\.b'],
  ['"back\\\\slash"', 'back\\slash'],
  ['"🙂"', '🙂'],
])('reads the text %s', (source, result) => {
  expect(run(source)).toBe(result)
})

test('a null operand makes arithmetic null, and the target stays unset', () => {
  for (const source of [
    'data.customer * 1000',
    '1 + data.nothing',
    'data.customer / 0',
    '-data.customer',
    '"a" + null',
  ]) {
    expect(run(source)).toBeNull()
  }
})

test.each([
  ['', 'it is empty'],
  ['   ', 'it is empty'],
  ['1 +', 'it ends too early'],
  ['concat("a"', 'it ends too early'],
  ['1 2', '"2" at 3 is not expected there'],
  ['a b', '"b" at 3 is not expected there'],
  ['data.new', 'write ${new}'],
  ['"open', 'fits nothing'],
  ['§', 'the character "§" at 1 fits nothing'],
  ['nope(1)', 'there is no function nope'],
  ['constructor("x")', 'there is no function constructor'],
  ['__proto__()', 'there is no function __proto__'],
  ['"a".toString()', 'there is no function toString'],
  ['"a".lower()', 'lower is no method'],
  ['substr("a")', 'substr takes 2 to 3 arguments, not 1'],
  ['lower()', 'lower takes 1 arguments, not 0'],
  ['now(1)', 'now takes 0 arguments, not 1'],
  ['x = 1', 'fits nothing'],
  ['for (a : b) c', 'is a reserved word'],
  ['matches_regex(a, "(")', 'has a "(" that is not closed'],
  ['dformat(1, "yyyy-bb")', 'has the letter b'],
  ['contains_key("a..b")', 'is not expected there'],
])('refuses %s', (source, message) => {
  expect(() => run(source)).toThrow(message)
})

test.each([
  ['1 / 0', 'division by zero'],
  ['1 % 0', 'division by zero'],
  ['1e308 * 10', 'no finite number'],
  ['"a" * 2', 'the left side is a string "a", not a number'],
  ['{} + 1', 'is an object, not a number'],
  ['true < 1', 'have no order'],
  ['1.5 & 1', 'not a whole number'],
])('refuses the row for %s', (source, message) => {
  expect(() => run(source)).toThrow(message)
})

describe('limits', () => {
  test.each([
    ['characters', `"${'x'.repeat(9000)}"`],
    ['words', Array(1500).fill('1').join('+')],
    ['parentheses', `${'('.repeat(51)}1${')'.repeat(51)}`],
    ['calls', `${'lower('.repeat(51)}"a"${')'.repeat(51)}`],
    ['choices', `${'1 ? '.repeat(60)}1${' : 2'.repeat(60)}`],
    ['conditions', `${'if (1) '.repeat(60)}1`],
  ])('an expression with too many %s is refused', (_, source) => {
    expect(() => run(source)).toThrow(/more than|at most/)
  })

  test('the deepest and longest expressions that are taken are computed', () => {
    expect(run(`${'('.repeat(50)}1${')'.repeat(50)}`)).toBe(1)
    expect(run(Array(1000).fill('1').join('+'))).toBe(1000)
    expect(run(`${'!'.repeat(1998)}true`)).toBe(true)
  })

  test('texts and arrays do not grow without end', () => {
    const long = 'lpad("x", 262144, "y")'
    expect(() => run(`concat(${long}, "z")`)).toThrow('more than 262144 characters')
    expect(() => run('lpad("x", 262145, "y")')).toThrow('more than 262144 characters')
    expect(() => run(`replacestr(${long}, "y", "yy")`)).toThrow('more than 262144 characters')
    expect(() => run(`explode(${long}, "y")`)).toThrow('more than 10000 elements')
    expect(() => run(`split(${long}, "y")`)).toThrow('more than 10000 elements')
    expect(() => run(`concat(${Array(100).fill(`size_of(${long})`).join(', ')})`)).toThrow('too many steps')
  })
})

describe('prototypes', () => {
  const names = ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty', '__defineGetter__']

  test.each(names)('%s is an own member or nothing', (name) => {
    expect(evaluateText(`data.${name}`, { data: {} })).toBeNull()
    expect(evaluateText(`data["${name}"]`, { data: {} })).toBeNull()
    expect(evaluateText(`data[concat("${name}", "")]`, { data: {} })).toBeNull()
    expect(evaluateText(name, {})).toBeNull()
    expect(evaluateText(`contains_key("data.${name}")`, { data: {} })).toBe(false)
    expect(evaluateText(`{}.get("${name}") ?? 1`)).toBe(1)
    const own = JSON.parse(`{"data": {"${name}": "own"}}`)
    expect(evaluateText(`data.${name}`, own)).toBe('own')
  })

  test('an object that an expression makes has only own members', () => {
    const result = evaluateText('to_object("__proto__", {"polluted": true}, "constructor", 1)') as object
    expect(Object.keys(result)).toEqual(['__proto__', 'constructor'])
    expect(Object.getPrototypeOf(result)).toBe(Object.prototype)
    expect(({} as { polluted?: boolean }).polluted).toBeUndefined()
  })
})

describe('paths', () => {
  test('reserved words and other names are written ${...}', () => {
    for (const word of RESERVED_WORDS) {
      expect(() => parsePath(`data.${word}`)).toThrow(`as a name write \${${word}}`)
      expect(parsePath(`data.\${${word}}`)).toEqual([
        { kind: 'member', name: 'data' },
        { kind: 'member', name: word },
      ])
    }
    expect(parsePath('${First.Name}.newer.modular')).toHaveLength(3)
  })

  test('indexes and wildcards are steps of their own', () => {
    expect(parsePath('lines[0].items[*]["a b"]').map(({ kind }) => kind)).toEqual([
      'member',
      'element',
      'member',
      'each',
      'member',
    ])
  })

  test.each([
    '',
    '.',
    'a.',
    '.a',
    'a..b',
    'a b',
    'a-b',
    'a[',
    'a[]',
    'a[-1]',
    'a[1.5]',
    'a[10000]',
    '${}',
    'f(x)',
    '1',
    '[0]',
  ])('"%s" is no path', (path) => {
    expect(() => parsePath(path)).toThrow()
  })
})

test('every operator is described', () => {
  const symbols = describeOperators().map((row) => (row as { operatorSymbol: string }).operatorSymbol)
  expect(symbols).toEqual(
    expect.arrayContaining(['+', '-', '*', '/', '%', '==', '!=', '<', '<=', '&&', '||', '!', '~', '?:']),
  )
  for (const row of describeOperators()) {
    expect(row).toEqual({
      operatorSymbol: expect.any(String),
      methodName: expect.any(String),
      numberOfOperands: expect.any(Number),
      description: expect.any(String),
      example: expect.any(String),
    })
  }
})
