import type { Budget } from '../language/budget.ts'
import { ExpressionError } from '../language/errors.ts'
import { isWord, parsePattern } from './pattern-syntax.ts'
import type { Assertion, CharacterTest, PatternNode } from './pattern-syntax.ts'

type Instruction =
  | { readonly do: 'character'; readonly test: CharacterTest }
  | { readonly do: 'assert'; readonly at: Assertion }
  /** Goes on at `first`, and at `second` when that fails. */
  | { readonly do: 'split'; first: number; second: number }
  | { readonly do: 'jump'; to: number }
  /** Notes the place: start of group n in slot 2n, its end in slot 2n + 1. */
  | { readonly do: 'save'; readonly slot: number }
  | { readonly do: 'match' }

/** Counted repetitions are written out, so they count here. */
const MAX_INSTRUCTIONS = 2000
/** Instructions times places in the text: the most that one match looks at. */
const MAX_STATES = 8_000_000
const CACHE_SIZE = 500

const cache = new Map<string, Pattern>()

/** A compiled pattern; equal texts are compiled once. Throws ExpressionError. */
export function compilePattern(source: string): Pattern {
  const known = cache.get(source)
  if (known !== undefined) return known
  const pattern = new Pattern(source)
  if (cache.size >= CACHE_SIZE) cache.delete(cache.keys().next().value as string)
  cache.set(source, pattern)
  return pattern
}

/**
 * A regular expression whose time is bounded: every pair of (instruction, place in the text) is looked at once at most, so
 * a pattern such as `(a+)+$` cannot hold up the host. Groups and priorities are those of Java and JavaScript.
 */
export class Pattern {
  readonly #program: readonly Instruction[]
  readonly #slots: number

  constructor(source: string) {
    const { root, groups } = parsePattern(source)
    this.#program = assemble(root)
    this.#slots = 2 * (groups + 1)
  }

  /** The whole text fits. */
  matches(text: string, budget: Budget): boolean {
    return this.#run(text, 0, 'whole', new Visited(this.#program, text), budget) !== null
  }

  /** The first place that fits: the match and its groups; null where a group took no part. */
  find(text: string, budget: Budget): (string | null)[] | null {
    const slots = this.#search(text, 0, new Visited(this.#program, text), budget)
    if (slots === null) return null
    return Array.from({ length: this.#slots / 2 }, (_, group) => {
      const [start = -1, end = -1] = [slots[2 * group], slots[2 * group + 1]]
      return start < 0 || end < 0 ? null : text.slice(start, end)
    })
  }

  /** The pieces between the matches. An empty match splits nothing at the ends. */
  split(text: string, budget: Budget): string[] {
    const parts: string[] = []
    const visited = new Visited(this.#program, text)
    let from = 0
    for (let at = 0; at < text.length;) {
      visited.clear()
      const slots = this.#search(text, at, visited, budget)
      if (slots === null) break
      const [start = 0, end = 0] = slots
      if (end === start && (start === 0 || start >= text.length)) {
        at = Math.max(start, at) + 1
        continue
      }
      parts.push(text.slice(from, start))
      from = end
      at = end === start ? end + 1 : end
    }
    parts.push(text.slice(from))
    return parts
  }

  /** What failed from one start fails from every later one: the marks are kept across starts. */
  #search(text: string, from: number, visited: Visited, budget: Budget): readonly number[] | null {
    for (let start = from; start <= text.length; start++) {
      const slots = this.#run(text, start, 'part', visited, budget)
      if (slots !== null) return slots
    }
    return null
  }

  #run(text: string, start: number, what: 'whole' | 'part', visited: Visited, budget: Budget): number[] | null {
    const slots: number[] = new Array<number>(this.#slots).fill(-1)
    slots[0] = start
    budget.spend(1)
    /** Alternatives still to try: pairs of (instruction, place), or (-1 - slot, former value) to take back a save. */
    const stack = [0, start]
    while (stack.length > 0) {
      let at = stack.pop() as number
      let counter = stack.pop() as number
      if (counter < 0) {
        slots[-1 - counter] = at
        continue
      }
      while (!visited.mark(counter, at)) {
        budget.spend(1 / 4)
        const instruction = this.#program[counter] as Instruction
        if (instruction.do === 'character') {
          if (at >= text.length || !instruction.test(text.charCodeAt(at))) break
          at++
          counter++
        } else if (instruction.do === 'split') {
          stack.push(instruction.second, at)
          counter = instruction.first
        } else if (instruction.do === 'jump') {
          counter = instruction.to
        } else if (instruction.do === 'save') {
          stack.push(-1 - instruction.slot, slots[instruction.slot] ?? -1)
          slots[instruction.slot] = at
          counter++
        } else if (instruction.do === 'assert') {
          if (!holds(instruction.at, text, at)) break
          counter++
        } else if (what === 'part' || at === text.length) {
          slots[1] = at
          return slots
        } else {
          break
        }
      }
    }
    return null
  }
}

/** One bit for each (instruction, place). */
class Visited {
  readonly #bits: Uint32Array
  readonly #width: number
  /** Words with a bit in them, so that clearing costs what marking did. */
  readonly #touched: number[] = []

  constructor(program: readonly Instruction[], text: string) {
    this.#width = text.length + 1
    const states = program.length * this.#width
    if (states > MAX_STATES) {
      throw new ExpressionError(`a text of ${text.length} characters is too long for its pattern`)
    }
    this.#bits = new Uint32Array(Math.ceil(states / 32))
  }

  /** Marks the pair; true when it was marked before. */
  mark(instruction: number, at: number): boolean {
    const bit = instruction * this.#width + at
    const word = bit >>> 5
    const mask = 1 << (bit & 31)
    const before = this.#bits[word] as number
    if (before === 0) this.#touched.push(word)
    this.#bits[word] = before | mask
    return (before & mask) !== 0
  }

  clear(): void {
    for (const word of this.#touched) this.#bits[word] = 0
    this.#touched.length = 0
  }
}

function holds(assertion: Assertion, text: string, at: number): boolean {
  if (assertion === 'start') return at === 0
  if (assertion === 'end') return at === text.length
  const before = at > 0 && isWord(text.charCodeAt(at - 1))
  const after = at < text.length && isWord(text.charCodeAt(at))
  return (before !== after) === (assertion === 'wordEdge')
}

function assemble(root: PatternNode): readonly Instruction[] {
  const program: Instruction[] = []
  const add = <I extends Instruction>(instruction: I): I => {
    if (program.length >= MAX_INSTRUCTIONS) throw new ExpressionError('a pattern has too many or too long repetitions')
    program.push(instruction)
    return instruction
  }
  /** A split whose two ways are filled in by name: `on` into the loop or option, `out` past it. */
  const addSplit = (lazy: boolean) => {
    const split = add({ do: 'split' as const, first: -1, second: -1 })
    return {
      on: (to: number) => (lazy ? (split.second = to) : (split.first = to)),
      out: (to: number) => (lazy ? (split.first = to) : (split.second = to)),
    }
  }

  const emit = (node: PatternNode): void => {
    switch (node.kind) {
      case 'empty':
        return
      case 'character':
        add({ do: 'character', test: node.test })
        return
      case 'assertion':
        add({ do: 'assert', at: node.at })
        return
      case 'sequence':
        node.items.forEach(emit)
        return
      case 'group':
        if (node.number !== null) add({ do: 'save', slot: 2 * node.number })
        emit(node.inner)
        if (node.number !== null) add({ do: 'save', slot: 2 * node.number + 1 })
        return
      case 'either':
        emitEither(node.branches)
        return
      case 'repeat':
        emitRepeat(node)
    }
  }

  const emitEither = (branches: readonly PatternNode[]): void => {
    const jumps: { to: number }[] = []
    branches.forEach((branch, at) => {
      if (at === branches.length - 1) return emit(branch)
      const split = addSplit(false)
      split.on(program.length)
      emit(branch)
      jumps.push(add({ do: 'jump', to: -1 }))
      split.out(program.length)
    })
    for (const jump of jumps) jump.to = program.length
  }

  const emitRepeat = ({ inner, min, max, lazy }: Extract<PatternNode, { kind: 'repeat' }>): void => {
    for (let times = 0; times < min; times++) emit(inner)
    if (max === Infinity) {
      const loop = program.length
      const split = addSplit(lazy)
      split.on(program.length)
      emit(inner)
      add({ do: 'jump', to: loop })
      split.out(program.length)
      return
    }
    const splits = []
    for (let times = min; times < max; times++) {
      const split = addSplit(lazy)
      split.on(program.length)
      splits.push(split)
      emit(inner)
    }
    for (const split of splits) split.out(program.length)
  }

  emit(root)
  add({ do: 'match' })
  return program
}
