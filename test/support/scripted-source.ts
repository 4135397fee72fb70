import type { Page, ReadPageRequest, SourcePlugin } from '../../src/plugins/plugin.ts'

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
  /** Every page that was asked for. */
  readonly requests: ReadPageRequest[]
  /** Called before a page is answered: throw to fail it, wait to delay it, or answer in its place. */
  onRead: (request: ReadPageRequest, count: number) => Promise<Page | void> | Page | void
}

/** A source of one resource, `things`, with honest paging by id over objects that a test holds in its hands. */
export function createScriptedSource(connectionSpecId: string, resourcePath = 'charges'): ScriptedSource {
  const source: ScriptedSource = {
    objects: [],
    requests: [],
    onRead: () => {},
    plugin: {
      connectionSpec: { id: connectionSpecId, name: 'scripted' },
      resources: [{ resourcePath, passes: ['all'], overlapSeconds: 120, builtInSchema: {} }],
      connect: () => ({
        check: async () => {},
        readPage: async (request) => {
          source.requests.push(request)
          return (await source.onRead(request, source.requests.length)) ?? pageOf(source.objects, request)
        },
      }),
    },
  }
  return source
}

function pageOf(objects: readonly ScriptedObject[], { window, cursor, limit }: ReadPageRequest): Page {
  const matching = objects
    .filter(({ created }) => created >= (window.from ?? 0) && created < (window.to ?? Infinity))
    .toSorted((a, b) => b.created - a.created)
  const start = cursor === null ? 0 : matching.findIndex(({ id }) => id === cursor) + 1
  const page = matching.slice(start, start + limit)
  return {
    records: page.map((object) => ({ id: object.id, record: { data: { ...object } } })),
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
