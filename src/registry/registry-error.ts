import type { BodyFault } from '../errors.ts'

const TITLES = {
  '1000-400': 'Bad Request',
  '1006-400': 'Accept header invalid',
  '1007-400': 'Accept header invalid',
  '1020-400': 'Resource validation error',
  '1030-400': 'Parameter not valid',
  '1413-400': 'Merge Schema Error',
  '1447-400': 'Resource in use',
  '1010-404': 'Resource not found',
  '1011-404': 'Resource not found',
  '1012-404': 'Resource not found',
  '1013-404': 'Resource not found',
  '1014-404': 'Resource not found',
  '1007-406': 'Version not found',
} as const

export type RegistryErrorCode = keyof typeof TITLES

/**
 * An error of the Schema Registry. `detail` is one sentence: what was found, why it is refused and what to do.
 * `http/problem.ts` turns it into an answer.
 *
 * @see https://experienceleague.adobe.com/docs/experience-platform/xdm/troubleshooting-guide.html
 */
export class SchemaRegistryError extends Error {
  readonly code: RegistryErrorCode
  readonly detail: string
  /** Every fault of the body when there are several. */
  readonly faults: readonly BodyFault[]

  constructor(code: RegistryErrorCode, detail: string, faults: readonly BodyFault[] = []) {
    super(detail)
    this.name = 'SchemaRegistryError'
    this.code = code
    this.detail = detail
    this.faults = faults
  }

  /** HTTP status, the last three digits of the code. */
  get status(): number {
    return Number(this.code.slice(-3))
  }

  get title(): string {
    return TITLES[this.code]
  }
}
