import { requireArraySize } from '../language/budget.ts'
import type { Expression } from '../language/syntax.ts'
import { compilePattern } from '../patterns/pattern.ts'
import { optional, parameter } from './function-spec.ts'
import type { FunctionSpec } from './function-spec.ts'

const CATEGORY = 'Regular Expression'
const STRING = parameter('string', 'text', 'The text.')

/** A pattern that is written out must be one. */
const checkPattern = (args: readonly Expression[]) => {
  const pattern = args[1]
  if (pattern?.kind === 'literal' && typeof pattern.value === 'string') compilePattern(pattern.value)
}

export const PATTERN_FUNCTIONS: readonly FunctionSpec[] = [
  {
    name: 'matches_regex',
    category: CATEGORY,
    description: 'Tells whether a whole text fits a regular expression.',
    params: [STRING, parameter('regex', 'text', 'The regular expression.')],
    returns: 'True when it fits.',
    returnType: 'Boolean',
    example: 'matches_regex("E259,E259B_009,1_1", "([^,]+),[^,]*,([^,]+)")',
    result: 'true',
    check: checkPattern,
    call: ([text, pattern], { budget }) => compilePattern(String(pattern)).matches(String(text), budget),
  },
  {
    name: 'extract_regex',
    category: CATEGORY,
    description: 'Takes the first match of a regular expression and its groups out of a text.',
    params: [STRING, parameter('regex', 'text', 'The regular expression.')],
    returns: 'The match, then its groups; an empty array when nothing fits.',
    returnType: 'Array',
    example: 'extract_regex("E259,E259B_009,1_1", "([^,]+),[^,]*,([^,]+)")',
    result: '["E259,E259B_009,1_1","E259","1_1"]',
    check: checkPattern,
    call: ([text, pattern], { budget }) => compilePattern(String(pattern)).find(String(text), budget) ?? [],
  },
  {
    name: 'explode',
    category: 'String',
    description: 'Splits a text at every match of a regular expression.',
    params: [STRING, optional('regex', 'text', 'Where to split; at commas by default.')],
    returns: 'The pieces, empty ones included.',
    returnType: 'Array',
    example: 'explode("Hi, there!", " ")',
    result: '["Hi,","there!"]',
    check: checkPattern,
    call: ([text, pattern], { budget }) => {
      const parts = compilePattern(pattern === null || pattern === undefined ? ',' : String(pattern)).split(
        String(text),
        budget,
      )
      requireArraySize(parts.length)
      return parts
    },
  },
]
