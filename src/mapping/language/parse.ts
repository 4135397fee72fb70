import { Lexer } from 'chevrotain'
import type { IToken } from 'chevrotain'
import { ExpressionError } from './errors.ts'
import { ExpressionParser } from './grammar.ts'
import type { Expression, PathSegment } from './syntax.ts'
import { If, LeftBrace, LeftBracket, LeftParen, Question, Elvis, RESERVED_WORDS, TOKENS } from './tokens.ts'

export const MAX_EXPRESSION_LENGTH = 8192
export const MAX_TOKENS = 2000
/** Parentheses, brackets, braces, choices and conditions inside each other. */
export const MAX_NESTING = 50
/** The largest index of a path. */
export const MAX_INDEX = 9999

const OPENING = new Set([LeftParen, LeftBracket, LeftBrace])
const CLOSING = new Set([')', ']', '}'])
const NESTING = new Set([Question, Elvis, If])

const lexer = new Lexer(TOKENS, { positionTracking: 'onlyOffset', ensureOptimizations: true, recoveryEnabled: false })
const parser = new ExpressionParser()

/** @throws ExpressionError when the text is no expression, or one beyond the limits */
export function parseExpression(text: string): Expression {
  return parseWith(text, () => parser.expression())
}

/** @throws ExpressionError when the text is no path, or one beyond the limits */
export function parsePath(text: string): readonly PathSegment[] {
  const segments = parseWith(text, () => parser.path())
  for (const segment of segments) {
    if (segment.kind === 'element' && !(Number.isInteger(segment.index) && segment.index <= MAX_INDEX)) {
      throw new ExpressionError(`the index ${segment.index} is no whole number from 0 to ${MAX_INDEX}`)
    }
  }
  return segments
}

function parseWith<T>(text: string, rule: () => T): T {
  if (text.length > MAX_EXPRESSION_LENGTH) {
    throw new ExpressionError(`it has ${text.length} characters; at most ${MAX_EXPRESSION_LENGTH} are taken`)
  }
  const { tokens, errors } = lexer.tokenize(text)
  const [lexerError] = errors
  if (lexerError !== undefined) {
    throw new ExpressionError(
      `the character ${quote(text, lexerError.offset)} at ${lexerError.offset + 1} fits nothing`,
    )
  }
  checkSize(tokens)
  parser.input = tokens
  const result = rule()
  const [error] = parser.errors
  if (error !== undefined) throw new ExpressionError(describe(text, error.token))
  return result
}

/** The parser and the interpreter recurse along the nesting, so it is bounded before they see it. */
function checkSize(tokens: readonly IToken[]): void {
  if (tokens.length > MAX_TOKENS) throw new ExpressionError(`it has more than ${MAX_TOKENS} words and signs`)
  let depth = 0
  let choices = 0
  for (const { tokenType, image } of tokens) {
    if (OPENING.has(tokenType)) depth++
    else if (CLOSING.has(image)) depth--
    else if (NESTING.has(tokenType)) choices++
    if (depth > MAX_NESTING || choices > MAX_NESTING) {
      throw new ExpressionError(`it is nested more than ${MAX_NESTING} levels deep`)
    }
  }
}

function describe(text: string, found: IToken): string {
  if (Number.isNaN(found.startOffset) || found.image === '') {
    return text.trim() === '' ? 'it is empty' : 'it ends too early'
  }
  const at = `${JSON.stringify(found.image.slice(0, 40))} at ${found.startOffset + 1}`
  if (RESERVED_WORDS.includes(found.image)) return `${at} is a reserved word; as a name write \${${found.image}}`
  return `${at} is not expected there`
}

function quote(text: string, offset: number): string {
  return JSON.stringify(String.fromCodePoint(text.codePointAt(offset) ?? 63))
}
