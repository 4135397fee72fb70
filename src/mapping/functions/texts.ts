import { requireArraySize, requireTextSize } from '../language/budget.ts'
import { ExpressionError } from '../language/errors.ts'
import type { Value } from '../language/values.ts'
import { optional, parameter, repeated, requireText } from './function-spec.ts'
import type { FunctionSpec } from './function-spec.ts'

const INPUT = parameter('input', 'text', 'The text.')
const PAD_PARAMETERS = [
  INPUT,
  parameter('count', 'integer', 'How many characters the result has.'),
  optional('padding', 'text', 'What is put before or after; a space when null or empty.'),
]

type Row = Pick<FunctionSpec, 'description' | 'returns' | 'example' | 'result' | 'call'> & Partial<FunctionSpec>

/** A function of texts that gives a text. */
const text = (name: string, params: FunctionSpec['params'], row: Row): FunctionSpec => ({
  name,
  category: 'String',
  params,
  returnType: 'String',
  ...row,
})

export const TEXT_FUNCTIONS: readonly FunctionSpec[] = [
  text('concat', [repeated('strings', 'text', 'The texts that are joined.')], {
    description: 'Joins texts.',
    returns: 'The texts one after the other; null counts as empty, and null when all are null.',
    example: 'concat("Hi, ", "there", "!")',
    result: '"Hi, there!"',
    takesNull: true,
    call: (args) => (args.every((arg) => arg === null) ? null : joined(args.map((arg) => arg ?? ''))),
  }),
  text(
    'substr',
    [
      INPUT,
      parameter('startIndex', 'integer', 'Where to begin, from 0.'),
      optional('length', 'integer', 'How many characters.'),
    ],
    {
      description: 'Takes a piece out of a text.',
      returns: 'The piece; shorter when the text ends before.',
      example: 'substr("This is a substring test", 7, 8)',
      result: '" a subst"',
      call: ([input, start, length]) => {
        const from = Math.max(0, Number(start))
        const count = length === null || length === undefined ? Infinity : Math.max(0, Number(length))
        return String(input).slice(from, from + count)
      },
    },
  ),
  text(
    'replacestr',
    [
      INPUT,
      parameter('toFind', 'text', 'What to look for.'),
      parameter('toReplace', 'text', 'What to put in its place.'),
    ],
    {
      description: 'Replaces every occurrence of a text in another.',
      returns: 'The text with the replacements.',
      example: 'replacestr("This is a string re test", "re", "replace")',
      result: '"This is a string replace test"',
      call: ([input, toFind, toReplace]) => {
        if (toFind === '') return String(input)
        const parts = String(input).split(String(toFind))
        return joined(parts, String(toReplace))
      },
    },
  ),
  text('lower', [INPUT], {
    aliases: ['lcase'],
    description: 'Writes a text in lower case.',
    returns: 'The text in lower case.',
    example: 'lower("HeLLo")',
    result: '"hello"',
    call: ([input]) => String(input).toLowerCase(),
  }),
  text('upper', [INPUT], {
    aliases: ['ucase'],
    description: 'Writes a text in upper case.',
    returns: 'The text in upper case.',
    example: 'upper("HeLLo")',
    result: '"HELLO"',
    call: ([input]) => String(input).toUpperCase(),
  }),
  text('trim', [INPUT], {
    description: 'Takes white space away at both ends.',
    returns: 'The text without it.',
    example: 'trim(" hello ")',
    result: '"hello"',
    call: ([input]) => String(input).trim(),
  }),
  text('ltrim', [INPUT], {
    description: 'Takes white space away at the beginning.',
    returns: 'The text without it.',
    example: 'ltrim(" hello")',
    result: '"hello"',
    call: ([input]) => String(input).trimStart(),
  }),
  text('rtrim', [INPUT], {
    description: 'Takes white space away at the end.',
    returns: 'The text without it.',
    example: 'rtrim("hello ")',
    result: '"hello"',
    call: ([input]) => String(input).trimEnd(),
  }),
  text('split', [INPUT, parameter('separator', 'text', 'Every character of it separates.')], {
    description: 'Splits a text at any of the characters of the separator.',
    returns: 'The pieces, empty ones included.',
    returnType: 'Array',
    example: 'split("Hello world", " ")',
    result: '["Hello","world"]',
    call: ([input, separator]) => splitAtAny(String(input), String(separator)),
  }),
  text(
    'join',
    [
      parameter('separator', 'text', 'What goes between.'),
      repeated('objects', 'any', 'An array, or the elements themselves.'),
    ],
    {
      description: 'Joins the elements of an array to a text.',
      returns: 'The elements with the separator between them; null elements are left out.',
      example: 'join(" ", to_array(true, "Hello", "world"))',
      result: '"Hello world"',
      takesNull: true,
      call: ([separator, ...objects], { budget }) => {
        if (objects.length === 1 && objects[0] === null) return null
        const elements = objects.flat().filter((element) => element !== null) as Value[]
        budget.spend(elements.length)
        return joined(elements, separator === null ? '' : String(separator))
      },
    },
  ),
  text(
    'instr',
    [
      INPUT,
      parameter('substring', 'text', 'What to look for.'),
      optional('startPosition', 'integer', 'Where to begin to look, from 0.'),
      optional('occurrence', 'integer', 'Which occurrence; 1 by default.'),
    ],
    {
      description: 'Finds a text in another.',
      returns: 'Its place, from 0; -1 when it is not there.',
      returnType: 'Integer',
      example: 'instr("adobe.com", "com")',
      result: '6',
      call: ([input, substring, start, occurrence], { budget }) => {
        let at = Math.max(0, Number(start ?? 0)) - 1
        for (let left = Number(occurrence ?? 1); left > 0; left--) {
          budget.spend(10)
          at = String(input).indexOf(String(substring), at + 1)
          if (at < 0) return -1
        }
        return Math.max(at, -1)
      },
    },
  ),
  text('lpad', PAD_PARAMETERS, {
    description: 'Fills a text up at the beginning.',
    returns: 'The filled text; a longer one stays as it is.',
    example: 'lpad("bat", 8, "yz")',
    result: '"yzyzybat"',
    takesNull: true,
    call: (args) => pad(args, (input, count, padding) => input.padStart(count, padding)),
  }),
  text('rpad', PAD_PARAMETERS, {
    description: 'Fills a text up at the end.',
    returns: 'The filled text; a longer one stays as it is.',
    example: 'rpad("bat", 8, "yz")',
    result: '"batyzyzy"',
    takesNull: true,
    call: (args) => pad(args, (input, count, padding) => input.padEnd(count, padding)),
  }),
  text('left', [INPUT, parameter('count', 'integer', 'How many characters.')], {
    description: 'Takes the first characters of a text.',
    returns: 'The first characters.',
    example: 'left("abcde", 2)',
    result: '"ab"',
    call: ([input, count]) => String(input).slice(0, Math.max(0, Number(count))),
  }),
  text('right', [INPUT, parameter('count', 'integer', 'How many characters.')], {
    description: 'Takes the last characters of a text.',
    returns: 'The last characters.',
    example: 'right("abcde", 2)',
    result: '"de"',
    call: ([input, count]) => {
      const wanted = Math.max(0, Number(count))
      return wanted === 0 ? '' : String(input).slice(-wanted)
    },
  }),
  text('equals', [parameter('string1', 'text', 'A text.'), parameter('string2', 'text', 'Another.')], {
    description: 'Compares two texts; letter case counts.',
    returns: 'True when they are equal.',
    returnType: 'Boolean',
    example: '"string1".equals("STRING1")',
    result: 'false',
    isMethod: true,
    takesNull: true,
    call: ([first, second]) => first !== null && first === second,
  }),
  text('equalsIgnoreCase', [parameter('string1', 'text', 'A text.'), parameter('string2', 'text', 'Another.')], {
    description: 'Compares two texts; letter case does not count.',
    returns: 'True when they are equal.',
    returnType: 'Boolean',
    example: '"string1".equalsIgnoreCase("STRING1")',
    result: 'true',
    isMethod: true,
    takesNull: true,
    call: ([first, second]) =>
      typeof first === 'string' && typeof second === 'string' && first.toLowerCase() === second.toLowerCase(),
  }),
]

/** The elements as one text, of bounded size. */
function joined(elements: readonly Value[], separator = ''): string {
  const texts = elements.map((element) => requireText(element, 'an element'))
  const separators = separator.length * Math.max(0, texts.length - 1)
  requireTextSize(texts.reduce((length, element) => length + element.length, separators))
  return texts.join(separator)
}

function splitAtAny(input: string, separator: string): string[] {
  if (separator === '') throw new ExpressionError('the separator of split is empty')
  const parts: string[] = []
  let from = 0
  for (let at = 0; at < input.length; at++) {
    if (!separator.includes(input.charAt(at))) continue
    parts.push(input.slice(from, at))
    from = at + 1
  }
  parts.push(input.slice(from))
  requireArraySize(parts.length)
  return parts
}

function pad(
  [input = null, count = null, padding]: readonly Value[],
  fill: (input: string, count: number, padding: string) => string,
): string | null {
  if (count === null) return null
  requireTextSize(Number(count))
  const filling = padding === null || padding === undefined || padding === '' ? ' ' : String(padding)
  return fill(input === null ? '' : String(input), Number(count), filling)
}
