import { Faults, parseBodyObject, readMember, readText, typeName } from '../request-body.ts'
import { isJsonObject } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import { Budget } from './language/budget.ts'
import { ExpressionError } from './language/errors.ts'
import { checkCalls, evaluate } from './language/evaluate.ts'
import { parseExpression } from './language/parse.ts'
import type { Value } from './language/values.ts'

/** Why an expression does not work; null when it does. With a sample it is computed, too. */
export function validateExpression(expression: string, sample?: JsonObject): string | null {
  try {
    const parsed = parseExpression(expression)
    checkCalls(parsed)
    if (sample !== undefined) {
      const record = sample as Value
      evaluate(parsed, { record, budget: new Budget(), now: () => 0, newId: () => '' })
    }
    return null
  } catch (error) {
    if (error instanceof ExpressionError) return error.message
    throw error
  }
}

export interface ExpressionBody {
  readonly expression: string
  readonly mappingSetId?: string | undefined
  /** A record to compute the expression with. */
  readonly sample?: JsonObject
}

/** The body of `POST /languages/el/validate`. */
export function parseExpressionBody(body: unknown): ExpressionBody {
  const object = parseBodyObject(body)
  const faults = new Faults()
  const expression = readText(faults, object, '/expression', 'always')
  const mappingSetId = readText(faults, object, '/mappingSetId', 'no') || undefined
  const dataType = readText(faults, object, '/sampleDataType', 'no') ?? ''
  const sample = readSample(faults, readMember(object, 'sampleData'), dataType)
  faults.throwIfAny()
  return { expression: expression ?? '', mappingSetId, ...(sample === undefined ? {} : { sample }) }
}

/** A JSON object, or the text of one. A sample of another type (CSV) says nothing about members and is left aside. */
function readSample(faults: Faults, data: JsonValue | undefined, dataType: string): JsonObject | undefined {
  if (data === undefined || data === '' || isJsonObject(data)) return data === '' ? undefined : data
  const path = '/sampleData'
  if (typeof data !== 'string') {
    faults.invalid(path, `${path} is ${typeName(data)}; give a JSON text.`)
    return undefined
  }
  if (dataType !== '' && !/json/i.test(dataType)) return undefined
  try {
    const parsed: unknown = JSON.parse(data)
    if (isJsonObject(parsed)) return parsed
  } catch {
    // Told below.
  }
  faults.invalid(path, `${path} is not the text of a JSON object; give one, or name another sampleDataType.`)
  return undefined
}
