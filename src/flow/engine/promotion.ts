import { isJsonObject } from '../../json.ts'
import type { Flow } from '../types.ts'
import type { RunCounts } from './checkpoint.ts'
import { MAPPING_FAILED, PROMOTION_FAILED, refusedMessage, type RunErrors } from './run-document.ts'

export interface PromotionOutcome {
  readonly status: 'success' | 'failed'
  /** Also filled when the run succeeded with some records refused. */
  readonly errors: RunErrors
}

/** A run fails when its mapping refused more than `options.partialIngestionPercent` of its records; none when unset. */
export function promotionOutcome(counts: RunCounts, flow: Pick<Flow, 'options'>): PromotionOutcome {
  if (counts.failed === 0) return { status: 'success', errors: [] }
  const tolerated = toleratedPercent(flow.options)
  const refused = { code: MAPPING_FAILED, message: refusedMessage(counts) }
  if ((counts.failed / counts.input) * 100 <= tolerated) return { status: 'success', errors: [refused] }
  const message = `${refused.message} The flow tolerates ${tolerated} percent.`
  return { status: 'failed', errors: [{ code: PROMOTION_FAILED, message }, refused] }
}

function toleratedPercent(options: unknown): number {
  const percent = isJsonObject(options) ? options.partialIngestionPercent : undefined
  return typeof percent === 'number' ? percent : 0
}
