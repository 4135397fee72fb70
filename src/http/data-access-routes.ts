import type { Caller } from '../caller.ts'
import type { DataAccess, ReadableFile } from '../catalog/files/data-access.ts'
import { FlowServiceError, notFound } from '../errors.ts'
import { parseStart } from './catalog-query.ts'
import { pathId } from './entity-routes.ts'
import { parseLimit } from './list-query.ts'
import { problemResponse } from './problem.ts'
import type { ApiRequest, ApiResponse, Route } from './route.ts'

const DATA_ACCESS = '/data/foundation/export'
const LARGEST_PAGE = 100

/** Another spelling of the samples in the documentation. */
const META_ALIASES: Readonly<Record<string, string>> = { 'row_errors_sample.json': 'row_error_samples.json' }
/** A folder of the meta files. Records go straight into the dataset, so it is empty. */
const INPUT_FILES = 'input_files'

export interface DataAccessRoutesOptions {
  readonly dataAccess: DataAccess
  /** Base of absolute URLs. */
  readonly publicUrl: () => string
}

type Query = Pick<ApiRequest, 'query'>

/** Files of batches. */
export function dataAccessRoutes(options: DataAccessRoutesOptions): Route[] {
  const { dataAccess, publicUrl } = options
  const batches = `${DATA_ACCESS}/batches`
  const preview = async (request: ApiRequest): Promise<ApiResponse> => {
    const rows = await dataAccess.preview(request.caller, pathId(request))
    return { status: 200, json: `{"data":[${rows.join(',')}]}` }
  }
  return [
    {
      method: 'GET',
      path: `${batches}/:id/files`,
      handler: async (request) => {
        const found = await dataAccess.dataSetFiles(request.caller, pathId(request))
        const items = found.map(({ created, updated, ...file }) => ({
          ...file,
          created: String(created),
          updated: String(updated),
          isValid: true,
          _links: { self: { href: `${publicUrl()}${DATA_ACCESS}/files/${file.dataSetFileId}` } },
        }))
        return page(request, items, publicUrl() + `${batches}/${pathId(request)}/files`)
      },
    },
    {
      method: 'GET',
      path: `${batches}/:id/failed`,
      handler: async (request) => {
        const files = await dataAccess.failed(request.caller, pathId(request))
        return folderOrFile(request, files, publicUrl() + `${batches}/${pathId(request)}/failed`)
      },
    },
    {
      method: 'GET',
      path: `${batches}/:id/meta`,
      handler: async (request) => {
        const files = await dataAccess.meta(request.caller, pathId(request))
        const url = publicUrl() + `${batches}/${pathId(request)}/meta`
        if (pathParameter(request) === INPUT_FILES) return page(request, [], `${url}?path=${INPUT_FILES}`)
        return folderOrFile(request, files, url, [{ name: INPUT_FILES, length: 0 }])
      },
    },
    { method: 'GET', path: `${DATA_ACCESS}/files/:id`, handler: (request) => readFile(options, request) },
    { method: 'GET', path: `${DATA_ACCESS}/datasets/:id/preview`, handler: preview },
    { method: 'GET', path: `${DATA_ACCESS}/dataSets/:id/preview`, handler: preview },
  ]
}

/** A file of a dataset file or a part of it; without `path` the list of its files. */
async function readFile({ dataAccess, publicUrl }: DataAccessRoutesOptions, request: ApiRequest): Promise<ApiResponse> {
  const id = pathId(request)
  const name = pathParameter(request)
  if (name === undefined) {
    const files = await dataAccess.files(request.caller, id)
    return folderOrFile(request, files, `${publicUrl()}${DATA_ACCESS}/files/${id}`)
  }
  return fileResponse(request, await dataAccess.file(request.caller, id, name))
}

/** The named file's content, or the list of all files. */
function folderOrFile(
  request: Query,
  files: readonly ReadableFile[],
  url: string,
  folders: readonly { readonly name: string; readonly length: number }[] = [],
): ApiResponse {
  const asked = pathParameter(request)
  if (asked === undefined) {
    const items = [...files, ...folders].map(({ name, length }) => ({
      name,
      length: String(length),
      _links: { self: { href: `${url}?path=${encodeURIComponent(name)}` } },
    }))
    return page(request, items, url)
  }
  const name = Object.hasOwn(META_ALIASES, asked) ? META_ALIASES[asked] : asked
  const file = files.find((one) => one.name === name)
  if (file === undefined) throw notFound('files', asked)
  return { status: 200, headers: { 'Content-Type': file.contentType }, raw: file.read() }
}

/** A part of the list, with a link to the rest when there is one. */
function page(request: Query, all: readonly object[], url: string): ApiResponse {
  const value = (name: string) => request.query[name]?.at(-1)
  const limit = parseLimit(value('limit'), LARGEST_PAGE)
  const start = parseStart(value('start'))
  const data = all.slice(start, start + limit)
  const next = start + limit
  const link = `${url}${url.includes('?') ? '&' : '?'}start=${next}&limit=${limit}`
  const links = next < all.length ? { _links: { next: { href: link } } } : {}
  return { status: 200, body: { data, _page: { limit, count: data.length }, ...links } }
}

/** The whole file, or the part that `Range` asks for. */
function fileResponse({ caller, range, headOnly }: ApiRequest, file: ReadableFile): ApiResponse {
  const { length, contentType } = file
  const headers = { 'Content-Type': contentType, 'Accept-Ranges': 'bytes' }
  // A range has no meaning for HEAD.
  if (headOnly) return { status: 200, headers: { ...headers, 'Content-Length': String(length) }, raw: '' }
  const part = parseRange(range, length)
  if (part === 'unsatisfiable') return unsatisfiable(caller, range ?? '', length)
  if (part === null) return { status: 200, headers: { ...headers, 'Content-Length': String(length) }, raw: file.read() }
  const { start, end } = part
  return {
    status: 206,
    headers: {
      ...headers,
      'Content-Length': String(end - start + 1),
      'Content-Range': `bytes ${start}-${end}/${length}`,
    },
    raw: file.read(start, end),
  }
}

interface ByteRange {
  readonly start: number
  /** Included. */
  readonly end: number
}

/**
 * Reads `Range` (RFC 9110, 14.2): `bytes=a-b`, `bytes=a-` or `bytes=-n`. Null, the whole file, for a header that is
 * malformed, of another unit or names several ranges.
 */
export function parseRange(header: string | undefined, length: number): ByteRange | 'unsatisfiable' | null {
  const [, first, last] = /^bytes=[ \t]*(\d*)-(\d*)[ \t]*$/i.exec(header ?? '') ?? []
  if (first === undefined || last === undefined || (first === '' && last === '')) return null
  if (first === '') {
    const count = Math.min(Number(last), length)
    return count === 0 ? 'unsatisfiable' : { start: length - count, end: length - 1 }
  }
  const start = Number(first)
  if (last !== '' && Number(last) < start) return null
  if (start >= length) return 'unsatisfiable'
  return { start, end: last === '' ? length - 1 : Math.min(Number(last), length - 1) }
}

function unsatisfiable({ tenant, requestId }: Caller, range: string, length: number): ApiResponse {
  const detail = `The range ${range.slice(0, 60)} lies outside of the file, which has ${length} bytes.`
  const problem = problemResponse(new FlowServiceError('1000-416', detail), { requestId, tenant })
  return { ...problem, headers: { ...problem.headers, 'Content-Range': `bytes */${length}` } }
}

function pathParameter({ query }: Query): string | undefined {
  return query['path']?.at(-1)
}
