import { createMapper } from '../../src/mapping/mapper.ts'
import type { JsonValue } from '../../src/json.ts'

/** 2021-10-26T10:10:24Z. */
export const NOW = 1_635_243_024_000
export const UUID = '7c0267d2-bb74-4e1a-9275-3bf4fccda5f4'

/** The result of an expression as a mapping writes it; null when it writes nothing. Throws what the row would be refused with. */
export function evaluateText(source: string, record: unknown = {}): JsonValue {
  const rule = { sourceType: 'EXPRESSION', source, destination: 'result' } as const
  const result = createMapper({ mappings: [rule] }, null, { now: () => NOW, newId: () => UUID }).map(record)
  if (!result.ok) throw new Error(result.errors.map(({ message }) => message).join('\n'))
  return result.xdm['result'] ?? null
}
