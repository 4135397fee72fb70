import { FatalSourceError, type Source } from '../../src/plugins/plugin.ts'
import type {
  Change,
  ChangePage,
  Page,
  ReadChangesRequest,
  ReadPageRequest,
  SourcePlugin,
} from '../../src/plugins/plugin.ts'

export interface ScriptedObject {
  readonly id: string
  /** Unix seconds. */
  readonly created: number
  readonly value?: number | string
}

export interface ScriptedSource {
  readonly plugin: SourcePlugin
  /** The account: change it between reads at will. Listed newest first, in this order within a second. */
  objects: ScriptedObject[]
  /** What no list but that of the optional pass shows, but reading by id does. */
  unlisted: ScriptedObject[]
  /** The change feed, newest first. */
  changes: Change[]
  /** The credential may read the change feed. */
  mayReadChanges: boolean
  /** Readers that it can make use of. */
  parallelism: number
  /** Every page that was asked for. */
  readonly requests: ReadPageRequest[]
  /** Every object that was read by its id. */
  readonly objectsRead: string[]
  /** Called before a page is answered: throw to fail it, wait to delay it, or answer in its place. */
  onRead: (request: ReadPageRequest, count: number) => Promise<Page | void> | Page | void
}

export interface ScriptedSourceOptions {
  readonly resourcePath?: string
  /** Its lists may be cut, it announces changes and reads single objects. */
  readonly hasFeed?: boolean
  /** A second list pass that shows what is `unlisted`, and may be refused. */
  readonly optionalPass?: string
  /** What the connection's parameters select; its lists are an index that may be behind. */
  readonly selects?: (object: ScriptedObject) => boolean
}

export const SCRIPTED_SELECTION = { lagSeconds: 3600, note: 'The index may be an hour behind.' }

const FEED = { horizonSeconds: 30 * 86_400, overlapSeconds: 300 }

/** A source of one resource, `things`, with honest paging by id over objects that a test holds in its hands. */
export function createScriptedSource(
  connectionSpecId: string,
  { resourcePath = 'charges', hasFeed = false, optionalPass, selects }: ScriptedSourceOptions = {},
): ScriptedSource {
  const feed = hasFeed ? { divisible: true, deletable: true, changeFeed: FEED } : {}
  const selection = selects === undefined ? {} : { divisible: false, selection: SCRIPTED_SELECTION }
  const optional = optionalPass === undefined ? {} : { passes: ['all', optionalPass], optionalPasses: [optionalPass] }
  const resource = {
    resourcePath,
    passes: ['all'],
    overlapSeconds: 120,
    builtInSchema: {},
    ...feed,
    ...selection,
    ...optional,
  }
  const source: ScriptedSource = {
    objects: [],
    unlisted: [],
    changes: [],
    mayReadChanges: true,
    parallelism: 1,
    requests: [],
    objectsRead: [],
    onRead: () => {},
    plugin: {
      connectionSpec: { id: connectionSpecId, name: 'scripted' },
      resources: [resource],
      connect: () => ({
        check: async () => {},
        parallelism: () => source.parallelism,
        readPage: async (request) => {
          source.requests.push(request)
          const answer = await source.onRead(request, source.requests.length)
          return answer ?? pageOf(request.pass === optionalPass ? source.unlisted : source.objects, request)
        },
        ...(hasFeed ? single : {}),
      }),
    },
  }
  const single: Pick<Source, 'readChanges' | 'readObject'> = {
    readChanges: async (request) => {
      if (!source.mayReadChanges) throw new FatalSourceError('permission', 'needs rak_event_read')
      return changePageOf(source.changes, request)
    },
    readObject: async ({ id }) => {
      source.objectsRead.push(id)
      const object = [...source.objects, ...source.unlisted].find((object) => object.id === id)
      if (object === undefined) return { state: 'unknown' }
      return { state: 'present', record: { ...recordOf(object), isSelected: selects?.(object) ?? true } }
    },
  }
  return source
}

function recordOf(object: ScriptedObject) {
  return { id: object.id, record: { data: { ...object } }, createdAt: object.created }
}

function changePageOf(changes: readonly Change[], { window, cursor, limit }: ReadChangesRequest): ChangePage {
  const matching = changes
    .filter(({ createdAt }) => createdAt >= (window.from ?? 0) && createdAt < (window.to ?? Infinity))
    .toSorted((a, b) => b.createdAt - a.createdAt)
  const start = cursor === null ? 0 : matching.findIndex(({ changeId }) => changeId === cursor) + 1
  const page = matching.slice(start, start + limit)
  return { changes: page, nextCursor: start + limit < matching.length ? (page.at(-1)?.changeId ?? null) : null }
}

function pageOf(objects: readonly ScriptedObject[], { window, cursor, limit }: ReadPageRequest): Page {
  const matching = objects
    .filter(({ created }) => created >= (window.from ?? 0) && created < (window.to ?? Infinity))
    .toSorted((a, b) => b.created - a.created)
  const start = cursor === null ? 0 : matching.findIndex(({ id }) => id === cursor) + 1
  const page = matching.slice(start, start + limit)
  return {
    records: page.map(recordOf),
    nextCursor: start + limit < matching.length ? (page.at(-1)?.id ?? null) : null,
  }
}

/** `count` objects, three to a second, so that ties lie across the edges of pages. */
export function scriptedObjects(count: number, newest = 1_750_000_000): ScriptedObject[] {
  return Array.from({ length: count }, (_, index) => ({
    id: `ch_${String((index * 7919) % count).padStart(6, '0')}_${index}`,
    created: newest - Math.floor(index / 3),
  }))
}
