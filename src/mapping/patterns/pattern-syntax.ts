import { ExpressionError } from '../language/errors.ts'

/** Tells whether one character (a UTF-16 unit) belongs to a class. */
export interface CharacterTest {
  (code: number): boolean
  /** Set when exactly this character passes. */
  readonly code?: number
}

export type PatternNode =
  | { readonly kind: 'empty' }
  | { readonly kind: 'character'; readonly test: CharacterTest }
  | { readonly kind: 'assertion'; readonly at: Assertion }
  | { readonly kind: 'sequence'; readonly items: readonly PatternNode[] }
  | { readonly kind: 'either'; readonly branches: readonly PatternNode[] }
  /** `number` null: a group that is not captured. */
  | { readonly kind: 'group'; readonly number: number | null; readonly inner: PatternNode }
  | {
      readonly kind: 'repeat'
      readonly inner: PatternNode
      readonly min: number
      readonly max: number
      readonly lazy: boolean
    }

export type Assertion = 'start' | 'end' | 'wordEdge' | 'noWordEdge'

export interface ParsedPattern {
  readonly root: PatternNode
  readonly groups: number
}

const MAX_PATTERN_LENGTH = 1000
const MAX_GROUP_DEPTH = 30
const MAX_REPEAT = 1000

/**
 * Reads the subset of Java's regular expressions that can be matched in linear time: no lookaround, no back-references, no
 * possessive quantifiers.
 *
 * @throws ExpressionError naming what is wrong or not supported
 */
export function parsePattern(source: string): ParsedPattern {
  if (source.length > MAX_PATTERN_LENGTH) {
    throw new ExpressionError(`a pattern has more than ${MAX_PATTERN_LENGTH} characters`)
  }
  return new PatternReader(source).read()
}

class PatternReader {
  readonly #source: string
  #at = 0
  #groups = 0
  #depth = 0
  #ignoreCase = false

  constructor(source: string) {
    this.#source = source
  }

  read(): ParsedPattern {
    if (this.#take('(?i)')) this.#ignoreCase = true
    const root = this.#either()
    if (this.#at < this.#source.length) throw this.#wrong('has a ")" too many')
    return { root, groups: this.#groups }
  }

  #either(): PatternNode {
    const branches = [this.#sequence()]
    while (this.#take('|')) branches.push(this.#sequence())
    return branches.length === 1 ? (branches[0] as PatternNode) : { kind: 'either', branches }
  }

  #sequence(): PatternNode {
    const items: PatternNode[] = []
    while (this.#at < this.#source.length && !'|)'.includes(this.#peek())) items.push(this.#repeated())
    return items.length === 0 ? { kind: 'empty' } : { kind: 'sequence', items }
  }

  #repeated(): PatternNode {
    let node = this.#single()
    for (;;) {
      const range = this.#quantifier()
      if (range === null) return node
      if (node.kind === 'repeat') throw this.#wrong('repeats a repetition; put it in a group')
      if (this.#peek() === '+') throw this.#wrong('uses a possessive quantifier, which is not supported')
      node = { kind: 'repeat', inner: node, ...range, lazy: this.#take('?') }
    }
  }

  #quantifier(): { min: number; max: number } | null {
    if (this.#take('*')) return { min: 0, max: Infinity }
    if (this.#take('+')) return { min: 1, max: Infinity }
    if (this.#take('?')) return { min: 0, max: 1 }
    if (!this.#take('{')) return null
    const found = /^(\d{1,4})(,?)(\d{0,4})\}/.exec(this.#source.slice(this.#at, this.#at + 12))
    if (found === null) throw this.#wrong('has a "{" that begins no repetition; write \\{')
    const [whole, low = '', comma, high = ''] = found
    this.#at += whole.length
    const min = Number(low)
    const max = comma === '' ? min : high === '' ? Infinity : Number(high)
    if (max < min || min > MAX_REPEAT || (max !== Infinity && max > MAX_REPEAT)) {
      throw this.#wrong(`has a repetition that is not between 0 and ${MAX_REPEAT}`)
    }
    return { min, max }
  }

  #single(): PatternNode {
    const character = this.#next()
    switch (character) {
      case '(':
        return this.#group()
      case '[':
        return this.#character(this.#class())
      case '.':
        return this.#character((code) => code !== 10 && code !== 13)
      case '^':
        return { kind: 'assertion', at: 'start' }
      case '$':
        return { kind: 'assertion', at: 'end' }
      case '*':
      case '+':
      case '?':
      case '{':
        throw this.#wrong(`has a "${character}" with nothing to repeat`)
      case '\\':
        return this.#escape()
      default:
        return this.#character(equalTo(character.charCodeAt(0)))
    }
  }

  #group(): PatternNode {
    if (++this.#depth > MAX_GROUP_DEPTH) throw this.#wrong(`has groups more than ${MAX_GROUP_DEPTH} levels deep`)
    const number = this.#groupNumber()
    const inner = this.#either()
    if (!this.#take(')')) throw this.#wrong('has a "(" that is not closed')
    this.#depth--
    return { kind: 'group', number, inner }
  }

  #groupNumber(): number | null {
    if (this.#take('?:')) return null
    if (this.#peek() !== '?') return ++this.#groups
    const name = /^\?<[A-Za-z][A-Za-z0-9]*>/.exec(this.#source.slice(this.#at, this.#at + 60))
    if (name === null) throw this.#wrong('uses lookaround or flags inside, which are not supported')
    this.#at += name[0].length
    return ++this.#groups
  }

  #escape(): PatternNode {
    const letter = this.#peek()
    const assertion = ({ b: 'wordEdge', B: 'noWordEdge', A: 'start', z: 'end', Z: 'end' } as const)[letter]
    if (assertion !== undefined) {
      this.#at++
      return { kind: 'assertion', at: assertion }
    }
    return this.#character(this.#escaped())
  }

  /** What follows a backslash, as a set of characters. */
  #escaped(): CharacterTest {
    const letter = this.#next()
    const shorthand = SHORTHANDS.get(letter)
    if (shorthand !== undefined) return shorthand
    const control = CONTROLS.get(letter)
    if (control !== undefined) return equalTo(control)
    if (letter === 'u' || letter === 'x') return equalTo(this.#hex(letter === 'u' ? 4 : 2))
    if (letter === 'p' || letter === 'P') return this.#property(letter === 'P')
    if (/[1-9k]/.test(letter)) throw this.#wrong('uses a back-reference, which is not supported')
    if (/[a-zA-Z0]/.test(letter)) throw this.#wrong(`uses the escape \\${letter}, which is not supported`)
    return equalTo(letter.charCodeAt(0))
  }

  #hex(digits: number): number {
    const text = this.#source.slice(this.#at, this.#at + digits)
    if (!new RegExp(`^[0-9a-fA-F]{${digits}}$`).test(text)) throw this.#wrong('has a damaged character code')
    this.#at += digits
    return Number.parseInt(text, 16)
  }

  #property(negated: boolean): CharacterTest {
    const name = /^\{([A-Za-z_=]{1,40})\}/.exec(this.#source.slice(this.#at, this.#at + 44))
    const test = name === null ? undefined : propertyTest(POSIX.get(name[1] ?? '') ?? `\\p{${name[1]}}`)
    if (name === null || test === undefined) throw this.#wrong('names a character property that does not exist')
    this.#at += name[0].length
    return negated ? (code) => !test(code) : test
  }

  #class(): CharacterTest {
    const negated = this.#take('^')
    const tests: CharacterTest[] = []
    for (let first = true; first || this.#peek() !== ']'; first = false) {
      if (this.#at >= this.#source.length) throw this.#wrong('has a "[" that is not closed')
      tests.push(this.#classItem())
    }
    this.#at++
    const isMember: CharacterTest = (code) => tests.some((test) => test(code))
    return negated ? (code) => !this.#folded(isMember)(code) : isMember
  }

  #classItem(): CharacterTest {
    const character = this.#next()
    if (character === '[' || (character === '&' && this.#peek() === '&')) {
      throw this.#wrong('has a class inside a class, which is not supported; write \\[')
    }
    const test = character === '\\' ? this.#escaped() : equalTo(character.charCodeAt(0))
    const low = test.code
    if (low === undefined || this.#peek() !== '-' || this.#source[this.#at + 1] === ']') return test
    this.#at++
    const last = this.#next()
    const high = (last === '\\' ? this.#escaped() : equalTo(last.charCodeAt(0))).code
    if (high === undefined || high < low) throw this.#wrong('has a range that is no range')
    return (code) => code >= low && code <= high
  }

  #character(test: CharacterTest): PatternNode {
    return { kind: 'character', test: this.#folded(test) }
  }

  #folded(test: CharacterTest): CharacterTest {
    if (!this.#ignoreCase) return test
    return (code) => test(code) || test(foldedTo(code, 'lower')) || test(foldedTo(code, 'upper'))
  }

  #peek(): string {
    return this.#source[this.#at] ?? ''
  }

  #next(): string {
    const character = this.#source[this.#at++]
    if (character === undefined) throw this.#wrong('ends too early')
    return character
  }

  #take(text: string): boolean {
    if (!this.#source.startsWith(text, this.#at)) return false
    this.#at += text.length
    return true
  }

  #wrong(problem: string): ExpressionError {
    const shown = this.#source.length > 60 ? `${this.#source.slice(0, 60)}...` : this.#source
    return new ExpressionError(`the pattern ${JSON.stringify(shown)} ${problem}`)
  }
}

function equalTo(wanted: number): CharacterTest {
  return Object.assign((code: number) => code === wanted, { code: wanted })
}

function foldedTo(code: number, to: 'lower' | 'upper'): number {
  const character = String.fromCharCode(code)
  const folded = to === 'lower' ? character.toLowerCase() : character.toUpperCase()
  return folded.length === 1 ? folded.charCodeAt(0) : code
}

const isDigit: CharacterTest = (code) => code >= 48 && code <= 57
export const isWord: CharacterTest = (code) =>
  isDigit(code) || (code >= 65 && code <= 90) || (code >= 97 && code <= 122) || code === 95
const isSpace: CharacterTest = (code) => code === 32 || (code >= 9 && code <= 13)

const SHORTHANDS = new Map<string, CharacterTest>([
  ['d', isDigit],
  ['D', (code) => !isDigit(code)],
  ['w', isWord],
  ['W', (code) => !isWord(code)],
  ['s', isSpace],
  ['S', (code) => !isSpace(code)],
])
const CONTROLS = new Map([...'tnrfae'].map((letter, at) => [letter, [9, 10, 13, 12, 7, 27][at] as number]))

/** Java's names of the POSIX classes. */
const POSIX = new Map([
  ['Alpha', '[A-Za-z]'],
  ['Digit', '[0-9]'],
  ['Alnum', '[A-Za-z0-9]'],
  ['Upper', '[A-Z]'],
  ['Lower', '[a-z]'],
  ['Space', '[ \\t-\\r]'],
  ['Punct', '[!-\\/:-@\\[-`{-~]'],
])

/** Tests one character at a time, so it costs the same for every character. */
function propertyTest(set: string): CharacterTest | undefined {
  try {
    const expression = new RegExp(`^${set}$`, 'u')
    return (code) => expression.test(String.fromCharCode(code))
  } catch {
    return undefined
  }
}
