import { hash } from 'node:crypto'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { Logger } from '../../logger.ts'
import { RetriableSourceError, type CreatedWindow, type Page, type ReadPageRequest } from '../plugin.ts'
import { assertKeptExist, elementsAt, explode, recordId, recordsAt } from './content.ts'
import type { HttpAnswer } from './http.ts'
import { isCutShort, nextPosition, pageParameters, type Position, type ReadPage } from './pagination.ts'
import { isReread, turnPage, type Turn } from './readings.ts'
import { buildPageRequest } from './request.ts'
import type { RestSession } from './session.ts'
import type { RestSpec } from './spec.ts'

export interface ReaderContext {
  readonly spec: RestSpec
  readonly session: RestSession
  readonly params: JsonObject
  readonly logger: Logger
  /** Milliseconds since the epoch. */
  readonly now: () => number
  /** Waits, or rejects when the signal aborts. */
  readonly pause: (ms: number, signal: AbortSignal) => Promise<void>
}

/** A page as the source gave it. */
export interface FetchedPage {
  readonly answer: HttpAnswer
  /** Null when the answer has no body, which ends every list. */
  readonly read: ReadPage | null
  readonly records: Page['records']
}

/** Reads one page of a custom source. The spec's own `limitValue` decides how large a page is. */
export async function readRestPage(context: ReaderContext, { cursor, window, signal }: ReadPageRequest): Promise<Page> {
  const { spec } = context
  const position = cursor === null ? null : (JSON.parse(cursor) as Position)
  if (position !== null && spec.pagination.delayMs > 0) await context.pause(spec.pagination.delayMs, signal)

  const { answer, read, records } = await fetchPage(context, position, window, signal)
  if (read !== null && isCutShort(spec.pagination, read)) {
    context.logger.warn({ maximumRequest: spec.pagination.page?.maximumRequest }, 'reading stops at maximumRequest')
  }
  const { next, note } = turn(spec, position, read, records)
  return {
    records,
    nextCursor: next === null ? null : JSON.stringify(absolute(next, answer)),
    ...(isReread(position) ? { isReread: true } : {}),
    ...(note === undefined ? {} : { note }),
  }
}

/** Asks for the page at `position`, at once. */
export async function fetchPage(
  { spec, session, params, now }: ReaderContext,
  position: Position | null,
  window: CreatedWindow,
  signal: AbortSignal,
): Promise<FetchedPage> {
  const page = pageParameters(spec.pagination, position)
  const build = (auth: JsonObject) => buildPageRequest(spec, { auth, params, window, page, now: now() })
  const answer = await session.send(build, signal)
  if (answer.body.trim() === '') return { answer, read: null, records: [] }

  const body = parseBody(answer)
  const elements = elementsAt(body, spec.content)
  if (position === null && elements.length > 0) assertKeptExist(body, spec.content)
  const read = { position, body, headers: answer.headers, count: elements.length, digest: digestOf(elements) }
  return { answer, read, records: toRecords(spec, body, elements) }
}

function turn(
  { pagination }: RestSpec,
  position: Position | null,
  read: ReadPage | null,
  records: Page['records'],
): Turn {
  const next = read === null ? null : nextPosition(pagination, read)
  if (pagination.maximumRereads === 0) return { next }
  return turnPage(pagination, { position, next, ids: records.flatMap(({ id }) => id ?? []) })
}

function toRecords(spec: RestSpec, body: JsonValue, elements: readonly JsonValue[]): Page['records'] {
  const whole = recordsAt(body, spec.content, elements)
  const records = spec.explode === null ? whole : explode(whole, spec.explode)
  return records.map((record) => ({ id: recordId(record, spec.idPaths), record }))
}

/** A pointer may be relative to the page that holds it. */
export function absolute(position: Position, { url }: HttpAnswer): Position {
  const { url: pointer } = position
  if (pointer === undefined || !URL.canParse(pointer, url.href)) return position
  return { ...position, url: new URL(pointer, url.href).href }
}

function parseBody({ body, url }: HttpAnswer): JsonValue {
  let value: unknown
  try {
    value = JSON.parse(body.replace(/^\uFEFF/, ''))
  } catch {
    throw new RetriableSourceError('unavailable', `The answer of ${url.host} is no JSON.`)
  }
  if (isJsonObject(value) || Array.isArray(value)) return value as JsonValue
  throw new RetriableSourceError('unavailable', `The answer of ${url.host} is neither a JSON object nor an array.`)
}

function digestOf(elements: readonly JsonValue[]): string {
  return hash('sha256', JSON.stringify(elements), 'base64')
}
