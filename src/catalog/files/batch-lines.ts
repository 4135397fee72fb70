import type { RefusedRecord, Store } from '../../store/store.ts'

type Records = Pick<Store, 'records'>

/** Records read from the store at once. */
const PAGE_RECORDS = 100

/** The rows that a run has written, each a line of JSON: the mapped row where there is one, else the source form. */
export async function* deliveredLines({ records }: Records, runNo: number): AsyncGenerator<string> {
  for (let after = 0; ;) {
    const page = await records.delivered(runNo, after, PAGE_RECORDS)
    const last = page.at(-1)
    if (last === undefined) return
    const rows = page.flatMap(({ operation, mapped, body }) => (operation === 'upsert' ? [mapped ?? body ?? '{}'] : []))
    yield rows.map((row) => `${wellFormed(row)}\n`).join('')
    after = last.sequence
  }
}

/** The records that a run has refused, each a line of JSON. */
export async function* refusedLines(store: Records, runNo: number): AsyncGenerator<string> {
  for await (const page of refusedPages(store, runNo)) yield page.map(({ body }) => `${wellFormed(body)}\n`).join('')
}

/** The same with the reasons. */
export async function* rowErrorLines(store: Records, runNo: number): AsyncGenerator<string> {
  for await (const page of refusedPages(store, runNo)) yield page.map((record) => `${rowError(record)}\n`).join('')
}

/** The first of them, a JSON array. */
export async function* rowErrorSamples({ records }: Records, runNo: number, limit: number): AsyncGenerator<string> {
  const page = await records.refused(runNo, 0, limit)
  yield `[${page.map(rowError).join(',')}]`
}

async function* refusedPages({ records }: Records, runNo: number): AsyncGenerator<readonly RefusedRecord[]> {
  for (let after = 0; ;) {
    const page = await records.refused(runNo, after, PAGE_RECORDS)
    const last = page.at(-1)
    if (last === undefined) return
    yield page
    after = last.number
  }
}

function rowError({ number, objectId, body, reasons }: RefusedRecord): string {
  const head = JSON.stringify({ number, id: objectId })
  return `${head.slice(0, -1)},"errors":${wellFormed(reasons)},"record":${wellFormed(body)}}`
}

/** An escape, whole: a surrogate pair, half of one, or any other. */
const ESCAPE = /\\(?:u[Dd][89ABab][\dA-Fa-f]{2}\\u[Dd][C-Fc-f][\dA-Fa-f]{2}|u[Dd][89A-Fa-f][\dA-Fa-f]{2}|.)/g
const HALF_PAIR_LENGTH = '\\ud800'.length

/** Half of a surrogate pair is no character and stops many readers; U+FFFD takes its place. */
export function wellFormed(json: string): string {
  if (!/\\u[Dd]/.test(json)) return json
  return json.replace(ESCAPE, (escape) => (escape.length === HALF_PAIR_LENGTH ? '\\ufffd' : escape))
}
