import { hash } from 'node:crypto'
import type { Page } from '../../plugins/plugin.ts'
import type { ObservedRecord, RefusedRecord } from '../../store/store.ts'
import type { RowMapper } from '../row-mapper.ts'

export interface ObservedPage {
  readonly records: readonly ObservedRecord[]
  readonly refused: readonly RefusedRecord[]
  /** UTF-8 bytes of the records in source form. */
  readonly inputBytes: number
}

/**
 * A page as the store takes it: the source form as JSON text, the mapped row beside it, and apart the records that the
 * mapping refuses. `refusedBefore` is how many the run has refused already; they are numbered on from there.
 */
export function observePage(page: Page, mapper: RowMapper | null, refusedBefore: number): ObservedPage {
  const records: ObservedRecord[] = []
  const refused: RefusedRecord[] = []
  let inputBytes = 0
  for (const { id, record } of page.records) {
    const body = JSON.stringify(record)
    inputBytes += Buffer.byteLength(body)
    const row = mapper?.map(record)
    if (row?.ok === false) {
      const reasons = JSON.stringify(row.errors)
      refused.push({ number: refusedBefore + refused.length + 1, objectId: id, body, reasons })
      continue
    }
    records.push({
      objectId: id,
      operation: 'upsert',
      body,
      contentHash: hash('sha256', body, 'base64'),
      mapped: row === undefined ? null : JSON.stringify(row.xdm),
    })
  }
  return { records, refused, inputBytes }
}
