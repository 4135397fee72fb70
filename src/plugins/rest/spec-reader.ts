import type { BodyFault, ErrorCode } from '../../errors.ts'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { DatePatternError } from './date-pattern.ts'
import { parsePath, PathError, type JsonPath } from './json-path.ts'

export interface RestSpecFault extends BodyFault {
  readonly code: ErrorCode
}

/** A spec cannot be interpreted; `faults` says all of it. */
export class RestSpecError extends Error {
  readonly faults: readonly RestSpecFault[]

  constructor(faults: readonly RestSpecFault[]) {
    super(faults[0]?.message ?? 'The spec cannot be interpreted.')
    this.name = 'RestSpecError'
    this.faults = faults
  }
}

/** Collects faults while a spec is read. */
export class SpecReader {
  readonly faults: RestSpecFault[] = []

  fault(code: ErrorCode, path: string, message: string): void {
    this.faults.push({ code, path, message: `${path}: ${message}.` })
  }

  /** The value of `parse`, or null with the fault noted. */
  attempt<T>(path: string, code: ErrorCode, parse: () => T): T | null {
    try {
      return parse()
    } catch (error) {
      if (!(error instanceof PathError) && !(error instanceof DatePatternError)) throw error
      this.fault(code, path, error.message)
      return null
    }
  }

  /** A JSONPath that may be absent. */
  path(value: JsonValue | undefined, path: string): JsonPath | null {
    return typeof value === 'string' ? this.attempt(path, '1312-400', () => parsePath(value)) : null
  }
}

export function member(owner: JsonObject, name: string): JsonObject {
  const value = owner[name]
  return isJsonObject(value) ? value : {}
}

/** A text that is not blank. */
export function text(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' && value.trim() !== '' ? value : undefined
}

export function objects(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : []
}

export function strings(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : []
}
