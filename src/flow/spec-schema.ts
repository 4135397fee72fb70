import { Ajv } from 'ajv'
import type { ErrorObject, ValidateFunction } from 'ajv'
import ajvFormats from 'ajv-formats'
import type { ErrorCode } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { Faults } from '../request-body.ts'
import { readSpecFile } from './load-specs.ts'

const SCHEMA_FILE = 'specs/self-serve.schema.json'
const ATTRIBUTES = '/sourceSpec/attributes'

export type SpecKind = 'connectionSpec' | 'flowSpec'

/** Checks the body of a spec against the JSON Schema of the Self-Serve format. */
export interface SpecSchema {
  /** Notes every fault, missing members first. */
  check(faults: Faults, kind: SpecKind, body: JsonObject): void
}

/** Reads and compiles `specs/self-serve.schema.json`. */
export function loadSpecSchema(): SpecSchema {
  const ajv = new Ajv({ strict: true, strictTypes: false, strictRequired: false, allErrors: true, verbose: true })
  ajvFormats.default(ajv)
  ajv.addSchema(readSpecFile(SCHEMA_FILE), 'self-serve')
  const validators = Object.fromEntries(
    (['connectionSpec', 'flowSpec'] as const).map((kind) => [kind, ajv.getSchema(`self-serve#/definitions/${kind}`)]),
  ) as Record<SpecKind, ValidateFunction>

  return {
    check(faults, kind, body) {
      const accepts = validators[kind]
      if (accepts(body)) return
      const errors = (accepts.errors ?? []).map(toFault)
      for (const { code, path, message } of errors.toSorted((a, b) => rank(a.code) - rank(b.code))) {
        faults.invalid(path, `${path}: ${message}.`, code)
      }
    },
  }
}

interface SchemaFault {
  readonly code: ErrorCode
  readonly path: string
  readonly message: string
}

function toFault({ keyword, instancePath, params, message, data }: ErrorObject): SchemaFault {
  if (keyword === 'required') {
    const path = `${instancePath}/${params['missingProperty']}`
    return { code: missingCode(path), path, message: 'is missing and needed; give a value' }
  }
  if (keyword === 'minProperties') return { code: missingCode(instancePath), path: instancePath, message: 'is empty' }
  if (keyword === 'minLength' && data === '') {
    return { code: '1304-400', path: instancePath, message: 'is empty and needed; give a value' }
  }
  return { code: '1312-400', path: instancePath, message: message ?? 'is not valid' }
}

function missingCode(path: string): ErrorCode {
  if (path.startsWith(`${ATTRIBUTES}/paginationParams`)) return '1316-400'
  return path.startsWith(`${ATTRIBUTES}/scheduleParams`) ? '1317-400' : '1304-400'
}

/** What is missing is told before what is wrong. */
function rank(code: ErrorCode): number {
  return code === '1312-400' ? 1 : 0
}
