import { createToken, Lexer } from 'chevrotain'
import type { TokenType } from 'chevrotain'

const Blank = createToken({ name: 'Blank', pattern: /[ \t\r\n\f]+/, group: Lexer.SKIPPED })
export const Word = createToken({ name: 'Word', pattern: /[A-Za-z_][A-Za-z0-9_]*/ })

const keyword = (name: string, pattern: RegExp) => createToken({ name, pattern, longer_alt: Word })
export const And = keyword('And', /and/i)
export const Or = keyword('Or', /or/i)
export const Null = keyword('Null', /null/i)

/** A sign that touches digits belongs to them: no field begins with a digit. */
export const NumberLiteral = createToken({ name: 'Number', pattern: /-?\d+(?:\.\d+)?/ })
export const TextLiteral = createToken({ name: 'Text', pattern: /"(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*'/ })

export const Minus = createToken({ name: 'Minus', pattern: '-' })
export const Dot = createToken({ name: 'Dot', pattern: '.' })
export const LeftBracket = createToken({ name: 'LeftBracket', pattern: '[' })
export const RightBracket = createToken({ name: 'RightBracket', pattern: ']' })
export const LeftParen = createToken({ name: 'LeftParen', pattern: '(' })
export const RightParen = createToken({ name: 'RightParen', pattern: ')' })
export const Operator = createToken({ name: 'Operator', pattern: /:|~|>=|<=|>|</ })

export const TOKENS: TokenType[] = [
  Blank,
  And,
  Or,
  Null,
  Word,
  NumberLiteral,
  TextLiteral,
  Minus,
  Dot,
  LeftBracket,
  RightBracket,
  LeftParen,
  RightParen,
  Operator,
]
