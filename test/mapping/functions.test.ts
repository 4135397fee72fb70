import { describe, expect, test } from '@jest/globals'
import { describeFunctions, FUNCTIONS } from '../../src/mapping/functions/registry.ts'
import { evaluateText, NOW, UUID } from './evaluate-text.ts'

const rows = describeFunctions() as readonly { function: string; example: string; result: string }[]

test.each(rows.map((row) => [row.function, row.example, row.result]))(
  '%s: the example %s works',
  (_, example, result) => {
    expect(JSON.stringify(evaluateText(example))).toBe(result)
  },
)

test('every function is described in full, and named once', () => {
  expect(new Set(rows.map((row) => row.function)).size).toBe(rows.length)
  for (const row of rows) {
    expect(row).toEqual({
      category: expect.any(String),
      function: expect.stringMatching(/^\w+$/),
      description: expect.stringMatching(/\.$/),
      syntax: expect.stringContaining(`${row.function}(`),
      returns: expect.any(String),
      returnType: expect.stringMatching(/^java\./),
      example: expect.stringContaining(row.function),
      result: expect.any(String),
      params: expect.any(Array),
      since: 1,
    })
  }
})

test('all functions that the API promises are there', () => {
  const promised =
    'concat substr replacestr lower upper trim split join explode instr lpad rpad left right date dformat format now ' +
    'timestamp date_part zone_date_to_utc coalesce iif decode is_empty size_of first last to_array add_to_array join_arrays ' +
    'to_integer to_bigint to_decimal to_float to_object json_to_object get_values nullify contains_key min max ' +
    'sha256 md5 sha1 sha512 uuid matches_regex extract_regex equals equalsIgnoreCase'
  expect(rows.map((row) => row.function)).toEqual(expect.arrayContaining(promised.split(' ')))
})

describe('a null argument', () => {
  const optionalToo = new Set(FUNCTIONS.filter(({ takesNull }) => takesNull).map(({ name }) => name))
  const strict = FUNCTIONS.filter(
    ({ name, params, callLazily }) => !optionalToo.has(name) && params.length > 0 && !callLazily,
  )

  test.each(strict.map((spec) => [spec.name, spec] as const))('makes %s null', (name, { params }) => {
    const args = params.filter(({ isOptional }) => !isOptional).map(() => 'null')
    expect(evaluateText(`${name}(${args.join(', ')})`)).toBeNull()
  })

  test.each([
    ['concat("a", null, "b")', 'ab'],
    ['concat(null, null)', null],
    ['join("-", ["a", null, "b"])', 'a-b'],
    ['join("-", data.none)', null],
    ['coalesce(null, data.none)', null],
    ['coalesce([null, 2])', 2],
    ['is_empty(null)', true],
    ['size_of(null)', 0],
    ['first(null)', null],
    ['first([])', null],
    ['min(null, 2, 1)', 1],
    ['max([])', null],
    ['lpad(null, 3, "x")', 'xxx'],
    ['rpad("a", 3, null)', 'a  '],
    ['to_array(true, 1, null)', [1]],
    ['size_of(to_array(true, 1, null))', 2],
    ['add_to_array(null, 1)', [1]],
    ['join_arrays(null, [1])', [1]],
    ['to_object("a", null)', {}],
    ['date(null)', null],
    ['date(null, "yyyy", date("2020-01-01"))', '2020-01-01T00:00:00Z'],
    ['equals(null, null)', false],
    ['decode(null, null, "none", "other")', 'none'],
    ['iif(null, 1, 2)', 2],
  ])('%s gives what it should', (source, result) => {
    expect(evaluateText(source)).toEqual(result)
  })
})

test.each([
  ['substr("abc", 1)', 'bc'],
  ['substr("abc", 1, 99)', 'bc'],
  ['substr("abc", 9, 1)', ''],
  ['left("abc", 9)', 'abc'],
  ['right("abc", 0)', ''],
  ['instr("a.b.c", ".", 2)', 3],
  ['instr("a.b.c", ".", 0, 2)', 3],
  ['instr("abc", "x")', -1],
  ['split("a,b;c", ",;")', ['a', 'b', 'c']],
  ['explode("a,b,,c")', ['a', 'b', '', 'c']],
  ['explode("a1b22c", "\\d+")', ['a', 'b', 'c']],
  ['explode("id1|id2", "\\|")', ['id1', 'id2']],
  ['join(",", 1, true, "x")', '1,true,x'],
  ['replacestr("aaa", "", "x")', 'aaa'],
  ['upper("straße")', 'STRASSE'],
  ['lower(12)', '12'],
])('texts: %s', (source, result) => {
  expect(evaluateText(source)).toEqual(result)
})

test.each([
  ['extract_regex("abc", "x")', []],
  ['matches_regex("abcd", "abc")', false],
  ['matches_regex("ABC", "(?i)abc")', true],
])('patterns: %s', (source, result) => {
  expect(evaluateText(source)).toEqual(result)
})

test('a hash depends on the character set', () => {
  const of = (charset: string) => evaluateText(`md5("ä", "${charset}")`)
  expect(new Set(['UTF-8', 'UTF-16', 'ISO-8859-1', 'US-ASCII'].map(of)).size).toBe(4)
  expect(of('US-ASCII')).toBe(evaluateText('md5("?")'))
  expect(() => of('EBCDIC')).toThrow('is not known')
})

test.each([
  ['dformat(data.created * 1000, "yyyy-MM-dd\'T\'HH:mm:ssX")', '2023-03-17T22:02:19Z'],
  ['date("12/31/2020")', '2020-12-31T00:00:00Z'],
  ['date("12112020")', '2020-12-11T00:00:00Z'],
  ['date("31-Dec-2020")', '2020-12-31T00:00:00Z'],
  ['date("1/31/2020 01:02:03 PM")', '2020-01-31T13:02:03Z'],
  ['date("2024-05-05 20:39:00.005-0800")', '2024-05-05T20:39:00.005-08:00'],
  ['date("20200229", "yyyyMMdd")', '2020-02-29T00:00:00Z'],
  ['date("5 March 2021", "d MMMM yyyy")', '2021-03-05T00:00:00Z'],
  ['format("2019-10-23T11:24:35+02:00", "HH:mm XXX")', '11:24 +02:00'],
  ['date_part("year", "2019-10-17")', 2019],
  ['date_part("week", "2021-01-03")', 53],
  ['date_part("weekday", "2021-01-03")', 7],
  ['date_part("dy", "2020-12-31")', 366],
  ['date_part("hh12", "2020-12-31T00:30:00Z")', 12],
  ['zone_date_to_utc("2019-10-17T11:55:12 America/Los_Angeles")', '2019-10-17T18:55:12Z'],
])('dates: %s', (source, result) => {
  expect(evaluateText(source, { data: { created: 1_679_090_539 } })).toBe(result)
})

test.each([
  ['date("2021-02-29")', 'is no date'],
  ['date("2020-13-01", "yyyy-MM-dd")', 'is no date in the format'],
  ['date(1679090539)', 'date takes a text'],
  ['dformat(1e300, "yyyy")', 'is no date'],
  ['date_part("fortnight", now())', 'has no part "fortnight"'],
  ['zone_date_to_zone(now(), "Mars/Base")', 'is no time zone'],
  ['to_integer("twelve")', '"twelve" is no number'],
  ['to_bigint("99999999999999999999")', 'too large'],
  ['json_to_object("{")', 'is no JSON'],
  ['to_object("a")', 'a name without a value'],
  ['lower([1])', 'input is an array, not a text'],
  ['substr("abc", "x")', 'startIndex is a string "x", not a number'],
  ['join_arrays([1], 2)', 'values is a number, not an array'],
  ['get_keys("text")', 'not an object'],
])('%s refuses the row', (source, message) => {
  expect(() => evaluateText(source)).toThrow(message)
})

test.each([
  ['contains_key("data.none")', true],
  ['contains_key("data.other")', false],
  ['contains_key("data.list[1]")', true],
  ['contains_key("data.list[2]")', false],
  ['get_values("a:1,b:2", "b")', '2'],
  ['get_values("a:1", "x")', null],
  ['str_to_object("a:1;b", ":", ";")', { a: '1' }],
  ['to_integer("12.9")', 12],
  ['to_integer(-0.5)', 0],
  ['to_decimal("1e3")', 1000],
  ['min("b", "a")', 'a'],
  ['max(date("2020-01-01"), date("2021-01-01"))', '2021-01-01T00:00:00Z'],
  ['last([1, 2])', 2],
  ['guid()', UUID],
  ['timestamp()', NOW],
  ['"A".equalsIgnoreCase("a")', true],
  ['equals("a", "a")', true],
])('%s', (source, result) => {
  expect(evaluateText(source, { data: { none: null, list: [1, null] } })).toEqual(result)
})
