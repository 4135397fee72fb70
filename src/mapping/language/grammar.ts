import { EmbeddedActionsParser } from 'chevrotain'
import type { IToken } from 'chevrotain'
import { BINARY_OPERATORS, UNARY_OPERATORS } from './operators.ts'
import type { BinaryOperator, UnaryOperator } from './operators.ts'
import type { Expression, PathSegment, Segment } from './syntax.ts'
import * as token from './tokens.ts'

/**
 * ```
 * expression = "if" "(" expression ")" branch [ "else" branch ] / binary [ "?" expression ":" expression / "?:" expression ]
 * branch     = "{" expression [";"] "}" / expression
 * binary     = unary *( operator unary )
 * unary      = *( "!" / "not" / "-" / "~" ) postfix
 * postfix    = primary *( "." name [ arguments ] / "[" ( "*" / expression ) "]" )
 * primary    = literal / "(" expression ")" / "[" list "]" / "{" members "}" / name [ arguments ]
 * ```
 */
export class ExpressionParser extends EmbeddedActionsParser {
  constructor() {
    super(token.TOKENS, { maxLookahead: 2, recoveryEnabled: false })
    this.performSelfAnalysis()
  }

  readonly expression = this.RULE('expression', (): Expression =>
    this.OR([
      { GATE: () => this.LA(1).tokenType === token.If, ALT: () => this.SUBRULE(this.conditional) },
      { ALT: () => this.SUBRULE(this.choice) },
    ]),
  )

  private readonly conditional = this.RULE('conditional', (): Expression => {
    this.CONSUME(token.If)
    this.CONSUME(token.LeftParen)
    const condition = this.SUBRULE(this.expression)
    this.CONSUME(token.RightParen)
    const yes = this.SUBRULE(this.branch)
    let no: Expression = { kind: 'literal', value: null }
    this.OPTION(() => {
      this.CONSUME(token.Else)
      no = this.SUBRULE2(this.branch)
    })
    return { kind: 'choice', condition, yes, no }
  })

  private readonly branch = this.RULE('branch', (): Expression =>
    this.OR([
      {
        GATE: () => this.LA(1).tokenType === token.LeftBrace,
        ALT: () => {
          this.CONSUME(token.LeftBrace)
          const value = this.SUBRULE(this.expression)
          this.OPTION(() => this.CONSUME(token.Semicolon))
          this.CONSUME(token.RightBrace)
          return value
        },
      },
      { GATE: () => this.LA(1).tokenType !== token.LeftBrace, ALT: () => this.SUBRULE2(this.expression) },
    ]),
  )

  private readonly choice = this.RULE('choice', (): Expression => {
    const condition = this.SUBRULE(this.binary)
    let result = condition
    this.OPTION(() =>
      this.OR([
        {
          ALT: () => {
            this.CONSUME(token.Question)
            const yes = this.SUBRULE(this.expression)
            this.CONSUME(token.Colon)
            const no = this.SUBRULE2(this.expression)
            result = { kind: 'choice', condition, yes, no }
          },
        },
        {
          ALT: () => {
            this.CONSUME(token.Elvis)
            const no = this.SUBRULE3(this.expression)
            result = { kind: 'choice', condition, yes: null, no }
          },
        },
      ]),
    )
    return result
  })

  private readonly binary = this.RULE('binary', (): Expression => {
    const operands = [this.SUBRULE(this.unary)]
    const operators: BinaryOperator[] = []
    this.MANY(() => {
      const operator = this.CONSUME(token.Binary)
      const operand = this.SUBRULE2(this.unary)
      this.ACTION(() => {
        operators.push(binaryOperator(operator))
        operands.push(operand)
      })
    })
    return this.ACTION(() => byPrecedence(operands, operators))
  })

  private readonly unary = this.RULE('unary', (): Expression => {
    const operators: UnaryOperator[] = []
    this.MANY(() => {
      const operator = this.CONSUME(token.Prefix)
      this.ACTION(() => operators.push(unaryOperator(operator)))
    })
    const operand = this.SUBRULE(this.postfix)
    return this.ACTION(() =>
      operators.reduceRight((inner: Expression, operator) => ({ kind: 'unary', operator, operand: inner }), operand),
    )
  })

  private readonly postfix = this.RULE('postfix', (): Expression => {
    let value = this.SUBRULE(this.primary)
    this.MANY(() =>
      this.OR([
        {
          ALT: () => {
            this.CONSUME(token.Dot)
            const name = this.SUBRULE(this.name)
            let args: readonly Expression[] | undefined
            this.OPTION(() => {
              args = this.SUBRULE(this.arguments)
            })
            this.ACTION(() => {
              if (args === undefined) value = access(value, { kind: 'member', name })
              else value = { kind: 'call', name, isMethod: true, args: [value, ...args] }
            })
          },
        },
        {
          ALT: () => {
            const segment = this.SUBRULE(this.subscript)
            this.ACTION(() => {
              value = access(value, segment)
            })
          },
        },
      ]),
    )
    return value
  })

  private readonly subscript = this.RULE('subscript', (): Segment => {
    let segment: Segment = { kind: 'each' }
    this.CONSUME(token.LeftBracket)
    this.OR([
      { ALT: () => this.CONSUME(token.Star) },
      {
        ALT: () => {
          const key = this.SUBRULE(this.expression)
          this.ACTION(() => {
            segment = subscriptOf(key)
          })
        },
      },
    ])
    this.CONSUME(token.RightBracket)
    return segment
  })

  private readonly primary = this.RULE('primary', (): Expression =>
    this.OR([
      { ALT: () => this.SUBRULE(this.literal) },
      {
        ALT: () => {
          this.CONSUME(token.LeftParen)
          const inner = this.SUBRULE(this.expression)
          this.CONSUME(token.RightParen)
          return inner
        },
      },
      {
        ALT: (): Expression => {
          this.CONSUME(token.LeftBracket)
          const items = this.SUBRULE(this.list)
          this.CONSUME(token.RightBracket)
          return { kind: 'array', items }
        },
      },
      { ALT: () => this.SUBRULE(this.object) },
      {
        ALT: (): Expression => {
          const name = this.SUBRULE(this.name)
          let args: readonly Expression[] | undefined
          this.OPTION(() => {
            args = this.SUBRULE(this.arguments)
          })
          if (args !== undefined) return { kind: 'call', name, isMethod: false, args }
          return { kind: 'access', of: null, segments: [{ kind: 'member', name }] }
        },
      },
    ]),
  )

  private readonly literal = this.RULE('literal', (): Expression => ({
    kind: 'literal',
    value: this.OR([
      { ALT: () => Number.parseFloat(this.CONSUME(token.NumberLiteral).image) },
      { ALT: () => unquote(this.CONSUME(token.TextLiteral).image) },
      { ALT: () => (this.CONSUME(token.True), true) },
      { ALT: () => (this.CONSUME(token.False), false) },
      { ALT: () => (this.CONSUME(token.Null), null) },
    ]),
  }))

  private readonly object = this.RULE('object', (): Expression => {
    const members: [string, Expression][] = []
    this.CONSUME(token.LeftBrace)
    this.MANY_SEP({
      SEP: token.Comma,
      DEF: () => {
        const name = this.OR([
          { ALT: () => unquote(this.CONSUME(token.TextLiteral).image) },
          { ALT: () => this.SUBRULE(this.name) },
        ])
        this.CONSUME(token.Colon)
        const value = this.SUBRULE(this.expression)
        this.ACTION(() => members.push([name, value]))
      },
    })
    this.CONSUME(token.RightBrace)
    return { kind: 'object', members }
  })

  private readonly arguments = this.RULE('arguments', (): readonly Expression[] => {
    this.CONSUME(token.LeftParen)
    const args = this.SUBRULE(this.list)
    this.CONSUME(token.RightParen)
    return args
  })

  private readonly list = this.RULE('list', (): readonly Expression[] => {
    const items: Expression[] = []
    this.MANY_SEP({
      SEP: token.Comma,
      DEF: () => {
        const item = this.SUBRULE(this.expression)
        this.ACTION(() => items.push(item))
      },
    })
    return items
  })

  private readonly name = this.RULE('name', (): string =>
    this.OR([
      { ALT: () => this.CONSUME(token.Identifier).image },
      { ALT: () => this.CONSUME(token.Escaped).image.slice(2, -1) },
    ]),
  )

  /** A path of a mapping: names, indexes and wildcards, nothing else. */
  readonly path = this.RULE('path', (): readonly PathSegment[] => {
    const first = this.SUBRULE(this.name)
    const segments: PathSegment[] = [{ kind: 'member', name: first }]
    this.MANY(() =>
      this.OR([
        {
          ALT: () => {
            this.CONSUME(token.Dot)
            const name = this.SUBRULE2(this.name)
            segments.push({ kind: 'member', name })
          },
        },
        {
          ALT: () => {
            this.CONSUME(token.LeftBracket)
            this.OR2([
              { ALT: () => (this.CONSUME(token.Star), segments.push({ kind: 'each' })) },
              {
                ALT: () => {
                  const index = Number(this.CONSUME(token.NumberLiteral).image)
                  segments.push({ kind: 'element', index })
                },
              },
              {
                ALT: () => {
                  const name = unquote(this.CONSUME(token.TextLiteral).image)
                  segments.push({ kind: 'member', name })
                },
              },
            ])
            this.CONSUME(token.RightBracket)
          },
        },
      ]),
    )
    return segments
  })
}

function access(of: Expression, segment: Segment): Expression {
  if (of.kind === 'access') return { ...of, segments: [...of.segments, segment] }
  return { kind: 'access', of, segments: [segment] }
}

function subscriptOf(key: Expression): Segment {
  if (key.kind === 'literal' && typeof key.value === 'number') return { kind: 'element', index: key.value }
  if (key.kind === 'literal' && typeof key.value === 'string') return { kind: 'member', name: key.value }
  return { kind: 'computed', key }
}

function binaryOperator({ image }: IToken): BinaryOperator {
  return BINARY_OPERATORS.find((row) => row.operatorSymbol === image || row.word === image) as BinaryOperator
}

function unaryOperator({ image }: IToken): UnaryOperator {
  const rows = Object.values(UNARY_OPERATORS)
  return rows.find((row) => row.operatorSymbol === image || row.word === image) as UnaryOperator
}

/** Joins a flat list of operands; all operators group to the left. */
function byPrecedence(operands: readonly Expression[], operators: readonly BinaryOperator[]): Expression {
  const values: Expression[] = [operands[0] as Expression]
  const pending: BinaryOperator[] = []
  const join = () => {
    const right = values.pop() as Expression
    const left = values.pop() as Expression
    values.push({ kind: 'binary', operator: pending.pop() as BinaryOperator, left, right })
  }
  operators.forEach((operator, at) => {
    while (pending.length > 0 && (pending.at(-1)?.precedence ?? 0) >= operator.precedence) join()
    pending.push(operator)
    values.push(operands[at + 1] as Expression)
  })
  while (pending.length > 0) join()
  return values[0] as Expression
}

const ESCAPES: Readonly<Record<string, string>> = {
  n: '\n',
  t: '\t',
  r: '\r',
  f: '\f',
  b: '\b',
  '"': '"',
  "'": "'",
  '\\': '\\',
}

/** The text of a quoted literal. An escape that means nothing stays as written, so that `"\d"` is a usable pattern. */
function unquote(quoted: string): string {
  return quoted.slice(1, -1).replaceAll(/\\(?:u([0-9a-fA-F]{4})|([^]))/g, (whole, hex?: string, character?: string) => {
    if (hex !== undefined) return String.fromCharCode(Number.parseInt(hex, 16))
    return character !== undefined && Object.hasOwn(ESCAPES, character) ? String(ESCAPES[character]) : whole
  })
}
