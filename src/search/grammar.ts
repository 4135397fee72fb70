import { EmbeddedActionsParser } from 'chevrotain'
import type { IToken } from 'chevrotain'
import { SearchQueryError } from './syntax.ts'
import type { SearchClause, SearchField, SearchGroup, SearchOperator, SearchQuery } from './syntax.ts'
import * as token from './tokens.ts'

/**
 * ```
 * query  = all *( OR all )
 * all    = unit *( [ AND ] unit )
 * unit   = "(" query ")" / clause
 * clause = [ "-" ] field operator value
 * field  = word *( "." word ) / "metadata" "[" text "]"
 * ```
 * Stripe takes neither parentheses nor both of AND and OR; `parseQuery` refuses them afterwards, where it can say so.
 */
export class SearchQueryParser extends EmbeddedActionsParser {
  constructor() {
    super(token.TOKENS, { maxLookahead: 1, recoveryEnabled: false })
    this.performSelfAnalysis()
  }

  readonly query = this.RULE('query', (): SearchQuery => {
    const parts = [this.SUBRULE(this.all)]
    const joins: number[] = []
    this.MANY(() => {
      joins.push(this.CONSUME(token.Or).startOffset)
      parts.push(this.SUBRULE2(this.all))
    })
    return this.ACTION(() => grouped('any', parts, joins))
  })

  private readonly all = this.RULE('all', (): SearchQuery => {
    const parts = [this.SUBRULE(this.unit)]
    const joins: number[] = []
    this.MANY(() => {
      let and: IToken | undefined
      this.OPTION(() => {
        and = this.CONSUME(token.And)
      })
      this.ACTION(() => {
        const next = this.LA(1)
        if (and === undefined) requireSpace(this.LA(0), next)
        joins.push((and ?? next).startOffset)
      })
      parts.push(this.SUBRULE2(this.unit))
    })
    return this.ACTION(() => grouped('all', parts, joins))
  })

  private readonly unit = this.RULE('unit', (): SearchQuery =>
    this.OR([
      {
        ALT: () => {
          this.CONSUME(token.LeftParen)
          const inner = this.SUBRULE(this.query)
          this.CONSUME(token.RightParen)
          return inner
        },
      },
      { ALT: () => this.SUBRULE(this.clause) },
    ]),
  )

  private readonly clause = this.RULE('clause', (): SearchQuery => {
    let negated = false
    this.OPTION(() => {
      this.CONSUME(token.Minus)
      negated = true
    })
    const start = this.LA(1).startOffset
    const field = this.SUBRULE(this.field)
    const operator = this.CONSUME(token.Operator)
    const value = this.OR([
      { ALT: () => this.CONSUME(token.TextLiteral) },
      { ALT: () => this.CONSUME(token.NumberLiteral) },
      { ALT: () => this.CONSUME(token.Null) },
    ])
    return this.ACTION((): SearchClause => {
      const at = { field: start, operator: operator.startOffset, value: value.startOffset }
      return {
        kind: 'clause',
        negated,
        field,
        operator: operator.image as SearchOperator,
        value: valueOf(value),
        at,
      }
    })
  })

  private readonly field = this.RULE('field', (): SearchField => {
    const names = [this.CONSUME(token.Word).image]
    let key: string | undefined
    this.MANY(() => {
      this.CONSUME(token.Dot)
      names.push(this.CONSUME2(token.Word).image)
    })
    this.OPTION(() => {
      const bracket = this.CONSUME(token.LeftBracket)
      const text = this.CONSUME(token.TextLiteral)
      this.CONSUME(token.RightBracket)
      this.ACTION(() => {
        if (names.join('.') !== 'metadata') {
          throw new SearchQueryError('only metadata takes a key in brackets', bracket.startOffset)
        }
        key = unquote(text.image)
      })
    })
    return key === undefined ? { kind: 'path', name: names.join('.') } : { kind: 'metadata', key }
  })
}

/** One part stands for itself; parts of the same kind become one group. */
function grouped(kind: SearchGroup['kind'], parts: readonly SearchQuery[], joins: readonly number[]): SearchQuery {
  const [joinedAt] = joins
  if (joinedAt === undefined) return parts[0] as SearchQuery
  return { kind, parts: parts.flatMap((part) => (part.kind === kind ? part.parts : [part])), joinedAt }
}

/** What stands between two clauses that have no AND between them. */
function requireSpace(previous: IToken, next: IToken): void {
  if (previous.tokenType === token.RightParen || next.tokenType === token.LeftParen) return
  if (previous.startOffset + previous.image.length < next.startOffset) return
  throw new SearchQueryError('a space, AND or OR is missing between two clauses', next.startOffset)
}

function valueOf({ tokenType, image }: IToken): string | null {
  if (tokenType === token.Null) return null
  return tokenType === token.TextLiteral ? unquote(image) : image
}

/** A backslash escapes quotes and itself; before anything else it is a character like any other. */
function unquote(quoted: string): string {
  return quoted.slice(1, -1).replaceAll(/\\(["'\\])/g, '$1')
}
