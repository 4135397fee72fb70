import type { Budget } from './budget.ts'
import { requireTextSize } from './budget.ts'
import { ExpressionError } from './errors.ts'
import { areEqual, compare, finite, isTrue, requireInteger, requireNumber } from './values.ts'
import type { Value } from './values.ts'

/** One row of `GET /languages/el/operators`, and what the parser and the interpreter know of the operator. */
export interface Operator {
  readonly operatorSymbol: string
  /** The same operator as a word. */
  readonly word?: string
  readonly methodName: string
  readonly numberOfOperands: 1 | 2 | 3
  readonly description: string
  readonly example: string
}

export interface BinaryOperator extends Operator {
  readonly numberOfOperands: 2
  /** A higher number binds tighter. */
  readonly precedence: number
  /** Absent for the logical operators: the interpreter leaves out their right side when the left one decides. */
  readonly apply?: (left: Value, right: Value, budget: Budget) => Value
}

export interface UnaryOperator extends Operator {
  readonly numberOfOperands: 1
  readonly apply: (operand: Value) => Value
}

type Row = [symbol: string, method: string, precedence: number, description: string, example: string]

const binary = (
  [operatorSymbol, methodName, precedence, description, example]: Row,
  apply?: BinaryOperator['apply'],
  word?: string,
): BinaryOperator => ({
  operatorSymbol,
  methodName,
  precedence,
  numberOfOperands: 2,
  description: word === undefined ? description : `${description} The word ${word} does the same.`,
  example,
  ...(word === undefined ? {} : { word }),
  ...(apply === undefined ? {} : { apply }),
})

/** Arithmetic on numbers and texts that spell numbers; null when either side is null. */
const onNumbers =
  (compute: (left: number, right: number) => number): BinaryOperator['apply'] =>
  (left, right) => {
    if (left === null || right === null) return null
    return finite(compute(requireNumber(left, 'the left side'), requireNumber(right, 'the right side')))
  }

/** As Java does on a 64-bit integer; a result that a JSON number cannot hold exactly is refused. */
const onBits =
  (compute: (left: bigint, right: bigint) => bigint): BinaryOperator['apply'] =>
  (left, right) => {
    if (left === null || right === null) return null
    const bits = compute(BigInt(requireInteger(left, 'the left side')), BigInt(requireInteger(right, 'the right side')))
    return requireInteger(Number(bits), 'the result')
  }

/** False when either side is null. */
const onOrder =
  (test: (order: number) => boolean): BinaryOperator['apply'] =>
  (left, right) =>
    left !== null && right !== null && test(compare(left, right))

function divide(left: number, right: number): number {
  if (right === 0) throw new ExpressionError('division by zero')
  return left / right
}

function remainder(left: number, right: number): number {
  if (right === 0) throw new ExpressionError('division by zero')
  return left % right
}

function add(left: Value, right: Value): Value {
  if (left === null || right === null) return null
  if (typeof left === 'number' && typeof right === 'number') return finite(left + right)
  const isText = (value: Value) => typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
  if ((typeof left === 'string' || typeof right === 'string') && isText(left) && isText(right)) {
    const text = `${String(left)}${String(right)}`
    requireTextSize(text.length)
    return text
  }
  return finite(requireNumber(left, 'the left side') + requireNumber(right, 'the right side'))
}

export const BINARY_OPERATORS: readonly BinaryOperator[] = [
  binary(['??', 'coalesce', 1, 'The left side, or the right side when the left one is null.', 'data.email ?? "none"']),
  binary(['||', 'or', 2, 'True when either side is true.', 'cond1 || cond2'], undefined, 'or'),
  binary(['&&', 'and', 3, 'True when both sides are true.', 'cond1 && cond2'], undefined, 'and'),
  binary(
    ['|', 'bitwiseOr', 4, 'Bitwise or of two whole numbers.', '33 | 4'],
    onBits((left, right) => left | right),
  ),
  binary(
    ['^', 'bitwiseXor', 5, 'Bitwise exclusive or of two whole numbers.', '33 ^ 4'],
    onBits((left, right) => left ^ right),
  ),
  binary(
    ['&', 'bitwiseAnd', 6, 'Bitwise and of two whole numbers.', '33 & 4'],
    onBits((left, right) => left & right),
  ),
  binary(['==', 'equals', 7, 'True when both sides are equal.', 'val1 == val2'], areEqual, 'eq'),
  binary(
    ['!=', 'notEquals', 7, 'True when the sides differ.', 'val1 != val2'],
    (left, right, budget) => !areEqual(left, right, budget),
    'ne',
  ),
  binary(
    ['<=', 'lessThanOrEqual', 8, 'True when the left side is not greater.', 'val1 <= val2'],
    onOrder((order) => order <= 0),
    'le',
  ),
  binary(
    ['>=', 'greaterThanOrEqual', 8, 'True when the left side is not smaller.', 'val1 >= val2'],
    onOrder((order) => order >= 0),
    'ge',
  ),
  binary(
    ['<', 'lessThan', 8, 'True when the left side is smaller.', 'val1 < val2'],
    onOrder((order) => order < 0),
    'lt',
  ),
  binary(
    ['>', 'greaterThan', 8, 'True when the left side is greater.', 'val1 > val2'],
    onOrder((order) => order > 0),
    'gt',
  ),
  binary(['+', 'add', 9, 'Sum of two numbers; two texts are joined.', '1 + 2'], add),
  binary(
    ['-', 'subtract', 9, 'Difference of two numbers.', '3 - 2'],
    onNumbers((left, right) => left - right),
  ),
  binary(
    ['*', 'multiply', 10, 'Product of two numbers.', '2 * 3'],
    onNumbers((left, right) => left * right),
  ),
  binary(
    ['/', 'divide', 10, 'Quotient of two numbers, with its fraction: 1 / 2 is 0.5.', '1 / 2'],
    onNumbers(divide),
    'div',
  ),
  binary(['%', 'mod', 10, 'Remainder of a division.', '5 % 2'], onNumbers(remainder), 'mod'),
]

export const UNARY_OPERATORS: Readonly<Record<'not' | 'negate' | 'complement', UnaryOperator>> = {
  not: {
    operatorSymbol: '!',
    word: 'not',
    methodName: 'not',
    numberOfOperands: 1,
    description: 'True when the operand is not true. The word not does the same.',
    example: '!cond1',
    apply: (operand) => !isTrue(operand),
  },
  negate: {
    operatorSymbol: '-',
    methodName: 'negate',
    numberOfOperands: 1,
    description: 'The number with the other sign.',
    example: '-12',
    apply: (operand) => (operand === null ? null : -requireNumber(operand, 'the operand of -')),
  },
  complement: {
    operatorSymbol: '~',
    methodName: 'complement',
    numberOfOperands: 1,
    description: 'Bitwise complement of a whole number: ~33 is -34.',
    example: '~44',
    apply: (operand) => (operand === null ? null : -requireInteger(operand, 'the operand of ~') - 1),
  },
}

const CHOICES: readonly Operator[] = [
  {
    operatorSymbol: '?:',
    methodName: 'ternary',
    numberOfOperands: 3,
    description: 'condition ? a : b. Without the middle, a ?: b is a when that is true, else b.',
    example: 'data.paid ? "paid" : "open"',
  },
  {
    operatorSymbol: 'if',
    methodName: 'if',
    numberOfOperands: 3,
    description: 'if (condition) a else b; without else it is null when the condition is not true.',
    example: 'if (data.amount > 100) "large" else "small"',
  },
]

/** What `GET /languages/el/operators` answers. */
export function describeOperators(): readonly object[] {
  const rows: readonly Operator[] = [...BINARY_OPERATORS, ...Object.values(UNARY_OPERATORS), ...CHOICES]
  return rows.map(({ operatorSymbol, methodName, numberOfOperands, description, example }) => ({
    operatorSymbol,
    methodName,
    numberOfOperands,
    description,
    example,
  }))
}
