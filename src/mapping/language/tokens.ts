import { createToken, Lexer } from 'chevrotain'
import type { TokenType } from 'chevrotain'
import { BINARY_OPERATORS, UNARY_OPERATORS } from './operators.ts'

/** Words that a path segment must write as `${word}`. */
export const RESERVED_WORDS: readonly string[] =
  'new mod or break var lt for false while eq gt div not null continue else and ne true le if ge return _errors'.split(
    ' ',
  )

export const Blank = createToken({ name: 'Blank', pattern: /[ \t\r\n\f]+/, group: Lexer.SKIPPED })
const IDENTIFIER = /[\p{L}_$][\p{L}\p{Nd}_$]*/uy
/** Of the characters above Latin-1 the lexer asks for one out of each 255. */
const LATIN = Array.from({ length: 256 }, (_, code) => code).filter((code) =>
  /[\p{L}_$]/u.test(String.fromCharCode(code)),
)
const OTHERS = Array.from({ length: 257 }, (_, block) => Math.min(256 + block * 255, 0xffff))
export const Identifier = createToken({
  name: 'Identifier',
  // A function, because the lexer drops the Unicode flag of an expression.
  pattern: (text, offset) => {
    IDENTIFIER.lastIndex = offset
    return IDENTIFIER.exec(text)
  },
  line_breaks: false,
  start_chars_hint: [...LATIN, ...OTHERS],
})
/** `${First Name}`: any text as one path segment. */
export const Escaped = createToken({ name: 'Escaped', pattern: /\$\{[^{}]+\}/ })
/** Java's suffixes for number types are taken and mean nothing. */
export const NumberLiteral = createToken({
  name: 'Number',
  pattern: /\d+(?:\.\d+)?(?:[eE][+-]?\d+)?(?:[lLfFdDbBhH]\b)?/,
})
export const TextLiteral = createToken({ name: 'Text', pattern: /"(?:[^"\\]|\\[^])*"|'(?:[^'\\]|\\[^])*'/ })

const punctuation = (name: string, pattern: string) => createToken({ name, pattern })
export const LeftParen = punctuation('LeftParen', '(')
export const RightParen = punctuation('RightParen', ')')
export const LeftBracket = punctuation('LeftBracket', '[')
export const RightBracket = punctuation('RightBracket', ']')
export const LeftBrace = punctuation('LeftBrace', '{')
export const RightBrace = punctuation('RightBrace', '}')
export const Comma = punctuation('Comma', ',')
export const Semicolon = punctuation('Semicolon', ';')
export const Dot = punctuation('Dot', '.')
export const Colon = punctuation('Colon', ':')
export const Elvis = punctuation('Elvis', '?:')
export const Question = punctuation('Question', '?')

/** Categories: what may stand between two operands, and before one. */
export const Binary = createToken({ name: 'Binary', pattern: Lexer.NA })
export const Prefix = createToken({ name: 'Prefix', pattern: Lexer.NA })

const keyword = (word: string, categories: TokenType[] = []) =>
  createToken({ name: `Word_${word}`, pattern: word, longer_alt: Identifier, categories })
export const True = keyword('true')
export const False = keyword('false')
export const Null = keyword('null')
export const If = keyword('if')
export const Else = keyword('else')

const prefixes = Object.values(UNARY_OPERATORS)
const categoriesOf = (symbol: string): TokenType[] => [
  ...(BINARY_OPERATORS.some(({ operatorSymbol }) => operatorSymbol === symbol) ? [Binary] : []),
  ...(prefixes.some(({ operatorSymbol }) => operatorSymbol === symbol) ? [Prefix] : []),
]
const symbols = [...new Set([...BINARY_OPERATORS, ...prefixes].map(({ operatorSymbol }) => operatorSymbol))]
  // The lexer takes the first that fits: `<=` must be tried before `<`.
  .sort((a, b) => b.length - a.length)
  .map((symbol) => createToken({ name: `Operator_${symbol}`, pattern: symbol, categories: categoriesOf(symbol) }))
export const Star = symbols.find(({ PATTERN }) => PATTERN === '*') as TokenType

const wordOperators = [
  ...BINARY_OPERATORS.flatMap(({ word }) => (word === undefined ? [] : [keyword(word, [Binary])])),
  ...prefixes.flatMap(({ word }) => (word === undefined ? [] : [keyword(word, [Prefix])])),
]

const used = [True, False, Null, If, Else, ...wordOperators]
const unused = RESERVED_WORDS.filter((word) => !used.some(({ PATTERN }) => PATTERN === word)).map((word) =>
  keyword(word),
)
// The lexer takes the first that fits: `new` must be tried before `ne`.
const keywords = [...used, ...unused].sort((a, b) => String(b.PATTERN).length - String(a.PATTERN).length)

export const TOKENS: TokenType[] = [
  Blank,
  Escaped,
  ...keywords,
  Identifier,
  NumberLiteral,
  TextLiteral,
  Elvis,
  ...symbols,
  Question,
  ...[LeftParen, RightParen, LeftBracket, RightBracket, LeftBrace, RightBrace, Comma, Semicolon, Dot, Colon],
  Binary,
  Prefix,
]
