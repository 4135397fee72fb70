import type { JsonObject } from '../../../src/json.ts'
import { silentLogger } from '../../../src/logger.ts'
import type {
  Change,
  ChangePage,
  CreatedWindow,
  ObjectReading,
  Page,
  PluginContext,
  Source,
  SourceRecord,
} from '../../../src/plugins/plugin.ts'
import { createStripePlugin } from '../../../src/plugins/stripe/plugin.ts'
import type { StripePluginOptions } from '../../../src/plugins/stripe/plugin.ts'
import type { ResourceName, StripeObject, StripeSandbox } from '../../../src/sandbox/index.ts'

/** Where the sandbox clock stands: 2026-05-28. */
export const NOW = 1_780_000_000
export const DAY = 86_400
export const EVERYTHING: CreatedWindow = { from: null, to: null }

/** Limits that no test meets. */
export const UNLIMITED = { share: 1, rateGlobal: 100_000, rateEndpoint: 100_000 } as const

export interface OpenOptions {
  readonly key?: string
  readonly params?: JsonObject
  readonly plugin?: Partial<StripePluginOptions>
  readonly context?: Partial<PluginContext>
}

/** The source that the plugin opens on a sandbox, with a key that may read everything. */
export function openStripe(sandbox: StripeSandbox, options: OpenOptions = {}): Source {
  const { key = 'sk_test_sandbox', params = {}, plugin = {}, context = {} } = options
  return createStripePlugin({ apiBase: sandbox.url, ...UNLIMITED, ...plugin }).connect({ accessToken: key }, params, {
    logger: silentLogger,
    ...context,
  })
}

export interface PageOptions {
  readonly window?: CreatedWindow
  readonly cursor?: string | null
  readonly limit?: number
}

export function readPage(source: Source, resourcePath: string, pass: string, options: PageOptions = {}): Promise<Page> {
  return source.readPage({ resourcePath, pass, ...pageRequest(options) })
}

/** Every record of a list pass, read page by page as the host does. */
export async function readPass(
  source: Source,
  resourcePath: string,
  pass: string,
  options: PageOptions = {},
): Promise<readonly SourceRecord[]> {
  return drain(async (cursor) => {
    const { records, nextCursor } = await readPage(source, resourcePath, pass, { ...options, cursor })
    return { entries: records, nextCursor }
  })
}

export async function readChangePage(
  source: Source,
  resourcePath: string,
  options: PageOptions = {},
): Promise<ChangePage> {
  if (source.readChanges === undefined) throw new Error('The source has no change feed.')
  return source.readChanges({ resourcePath, ...pageRequest(options) })
}

/** Every change of a window, newest first. */
export async function readChanges(
  source: Source,
  resourcePath: string,
  options: PageOptions = {},
): Promise<readonly Change[]> {
  return drain(async (cursor) => {
    const { changes, nextCursor } = await readChangePage(source, resourcePath, { ...options, cursor })
    return { entries: changes, nextCursor }
  })
}

export async function readObject(source: Source, resourcePath: string, id: string): Promise<ObjectReading> {
  if (source.readObject === undefined) throw new Error('The source reads no single objects.')
  return source.readObject({ resourcePath, id, signal: AbortSignal.timeout(10_000) })
}

export function idsOf(records: readonly SourceRecord[]): readonly string[] {
  return records.map(({ id }) => String(id))
}

/** The Stripe object of a record. */
export function dataOf({ record }: SourceRecord): StripeObject {
  return record.data as unknown as StripeObject
}

/** Ids of a resource's objects in the sandbox, hidden ones too, newest first. */
export function truth(
  sandbox: StripeSandbox,
  name: ResourceName,
  fits: (object: StripeObject) => boolean = () => true,
): readonly string[] {
  return Array.from(sandbox.world.all(name))
    .filter(fits)
    .map(({ id }) => id)
}

/** The newest object that fits. */
export function find(
  sandbox: StripeSandbox,
  name: ResourceName,
  fits: (object: StripeObject) => boolean = () => true,
): StripeObject {
  for (const object of sandbox.world.all(name)) if (fits(object)) return object
  throw new Error(`The sandbox has no such object in ${name}.`)
}

/** Items of a subscription of the sandbox, all of them. */
export function itemsOf(subscription: StripeObject): readonly StripeObject[] {
  return (subscription.items as { data: StripeObject[] }).data
}

/** Prices in the items of a subscription of the sandbox. */
export function pricesOf(subscription: StripeObject): readonly StripeObject[] {
  return itemsOf(subscription).map(({ price }) => price as StripeObject)
}

/** Gives a subscription other items, without an event. */
export function setItems(sandbox: StripeSandbox, id: string, data: readonly StripeObject[]): void {
  const items = sandbox.world.find('subscriptions', id)?.items as object
  sandbox.apply({ type: 'patch', id, fields: { items: { ...items, data: [...data] } }, silent: true })
}

function pageRequest({ window = EVERYTHING, cursor = null, limit = 100 }: PageOptions) {
  return { window, cursor, limit, signal: AbortSignal.timeout(10_000) }
}

async function drain<T>(
  read: (cursor: string | null) => Promise<{ entries: readonly T[]; nextCursor: string | null }>,
): Promise<readonly T[]> {
  const all: T[] = []
  let cursor: string | null = null
  do {
    const { entries, nextCursor }: { entries: readonly T[]; nextCursor: string | null } = await read(cursor)
    if (nextCursor !== null && nextCursor === cursor) throw new Error('The cursor did not advance.')
    all.push(...entries)
    cursor = nextCursor
  } while (cursor !== null)
  return all
}
