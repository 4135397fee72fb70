import { Lexer } from 'chevrotain'
import type { IRecognitionException, IToken } from 'chevrotain'
import { SearchQueryParser } from './grammar.ts'
import { SearchQueryError } from './syntax.ts'
import type { SearchQuery } from './syntax.ts'
import { LeftParen, Minus, Operator, RightParen, TOKENS, Word } from './tokens.ts'

/** Characters, in UTF-16 units. Stripe takes no longer texts in any parameter. */
export const MAX_QUERY_LENGTH = 5000
/** Parentheses inside each other, in a lenient query. */
export const MAX_QUERY_NESTING = 20

export interface ParseQueryOptions {
  /**
   * Takes parentheses too, and both AND and OR, of which AND binds more tightly. Stripe refuses both.
   * @defaultValue false
   */
  readonly lenient?: boolean
}

const lexer = new Lexer(TOKENS, { positionTracking: 'onlyOffset', ensureOptimizations: true, recoveryEnabled: false })
const parser = new SearchQueryParser()

/**
 * Parses the text of a query. It knows no resource: which fields and operators exist there, `checkFields` tells.
 * @throws SearchQueryError at the position of the first fault
 */
export function parseQuery(text: string, { lenient = false }: ParseQueryOptions = {}): SearchQuery {
  if (text.length > MAX_QUERY_LENGTH) {
    throw new SearchQueryError(
      `the query has ${text.length} characters; at most ${MAX_QUERY_LENGTH} are taken`,
      MAX_QUERY_LENGTH,
    )
  }
  const { tokens, errors } = lexer.tokenize(text)
  const [lexerError] = errors
  if (lexerError !== undefined) throw unreadable(text, lexerError.offset)
  if (tokens.length === 0) throw new SearchQueryError('the query is empty', 0)
  checkParentheses(tokens, lenient)
  parser.input = tokens
  const query = parser.query()
  const [error] = parser.errors
  if (error !== undefined) throw unexpected(text, error)
  if (!lenient) refuseMixing(query)
  return query
}

/** The parser recurses along the nesting, so it is bounded before the parser sees it. */
function checkParentheses(tokens: readonly IToken[], lenient: boolean): void {
  let depth = 0
  for (const { tokenType, startOffset } of tokens) {
    if (tokenType !== LeftParen && tokenType !== RightParen) continue
    if (!lenient) throw new SearchQueryError('parentheses are not taken', startOffset)
    depth += tokenType === LeftParen ? 1 : -1
    if (depth > MAX_QUERY_NESTING) {
      throw new SearchQueryError(`parentheses are nested more than ${MAX_QUERY_NESTING} levels deep`, startOffset)
    }
  }
}

/** Without parentheses a group inside a group can only be AND inside OR. */
function refuseMixing(query: SearchQuery): void {
  if (query.kind === 'clause') return
  const inner = query.parts.find((part) => part.kind !== 'clause')
  if (inner === undefined) return
  throw new SearchQueryError('AND and OR cannot be mixed in one query', Math.max(query.joinedAt, inner.joinedAt))
}

function unreadable(text: string, offset: number): SearchQueryError {
  const character = String.fromCodePoint(text.codePointAt(offset) ?? 63)
  if (character === '"' || character === "'") return new SearchQueryError('the quotation mark is never closed', offset)
  if (character === '=') return new SearchQueryError('"=" is no operator; write ":" for an exact match', offset)
  return new SearchQueryError(`the character ${JSON.stringify(character)} fits nothing`, offset)
}

function unexpected(text: string, { token, previousToken }: IRecognitionException & Previous): SearchQueryError {
  const found = token.image
  if (Number.isNaN(token.startOffset) || found === '') {
    return new SearchQueryError('the query ends too early', text.trimEnd().length)
  }
  const at = token.startOffset
  if (previousToken?.tokenType === Operator && token.tokenType === Word) {
    return new SearchQueryError(`text needs quotation marks: "${found.slice(0, 40)}"`, at)
  }
  if (previousToken?.tokenType === Minus && token.tokenType === LeftParen) {
    return new SearchQueryError('only a single clause can be negated', at)
  }
  return new SearchQueryError(`${JSON.stringify(found.slice(0, 40))} is not expected there`, at)
}

/** What some of the parser's errors carry besides. */
interface Previous {
  readonly previousToken?: IToken
}
