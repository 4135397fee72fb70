import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import { FatalSourceError } from '../plugin.ts'

/** Where an array of the answer sits, and what becomes of what stands beside it. */
export interface ContentPath {
  /** As the spec spells it, for messages. */
  readonly text: string
  /** Empty when the answer itself is the array. */
  readonly names: readonly string[]
  readonly skip: ReadonlySet<string>
  /** Null keeps everything. */
  readonly keep: ReadonlySet<string> | null
  /** Takes the place of the array's own name. */
  readonly wrapper: string | null
}

/** The array that the path points at. Throws 1313-400 when there is nothing, 1315-400 when it is no array. */
export function elementsAt(document: JsonValue, path: ContentPath): readonly JsonValue[] {
  let value: JsonValue | undefined = document
  for (const name of path.names) {
    value = isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
    if (value === undefined) {
      throw new FatalSourceError(
        'request',
        `The path attribute ${name} of ${path.text} does not exist in the answer.`,
        {
          code: '1313-400',
        },
      )
    }
  }
  if (Array.isArray(value)) return value
  throw new FatalSourceError('request', `The path ${path.text} does not point at an array of records.`, {
    code: '1315-400',
  })
}

/** One record for every element: the document with the array replaced by that element. */
export function recordsAt(
  document: JsonValue,
  path: ContentPath,
  elements: readonly JsonValue[],
): readonly JsonObject[] {
  return elements.map((element) => recordOf(document, path, path.names, element))
}

function recordOf(
  document: JsonValue | undefined,
  path: ContentPath,
  names: readonly string[],
  element: JsonValue,
): JsonObject {
  const [name, ...rest] = names
  if (name === undefined) return bareRecord(path, element)
  const beside = Object.entries(document as JsonObject).filter(([sibling]) => sibling !== name && stays(path, sibling))
  const isLast = rest.length === 0
  const value = isLast ? element : recordOf((document as JsonObject)[name], path, rest, element)
  const wrapped: [string, JsonValue] = [isLast ? (path.wrapper ?? name) : name, value]
  // Not by assignment: an attribute may be called __proto__.
  return Object.fromEntries([...beside.filter(([sibling]) => sibling !== wrapped[0]), wrapped])
}

/** The answer itself is the array: nothing stands beside it. */
function bareRecord({ wrapper, text }: ContentPath, element: JsonValue): JsonObject {
  if (wrapper !== null) return { [wrapper]: element }
  if (isJsonObject(element)) return element
  throw new FatalSourceError('request', `${text} holds plain values; name them with overrideWrapperAttribute.`, {
    code: '1315-400',
  })
}

function stays({ skip, keep }: ContentPath, name: string): boolean {
  return !skip.has(name) && (keep === null || keep.has(name))
}

/** 1319-400 when an attribute to keep stands nowhere beside the array. */
export function assertKeptExist(document: JsonValue, path: ContentPath): void {
  const beside = new Set<string>()
  let value: JsonValue | undefined = document
  for (const name of path.names) {
    if (!isJsonObject(value)) break
    for (const sibling of Object.keys(value)) beside.add(sibling)
    value = value[name]
  }
  for (const name of path.keep ?? []) {
    if (beside.has(name) || name === path.wrapper) continue
    throw new FatalSourceError(
      'request',
      `keepAttributes names ${name}, which does not stand beside the collection ${path.text}.`,
      { code: '1319-400' },
    )
  }
}

/** Flattens an array inside each record. A record without it, or with an empty one, gives nothing. */
export function explode(records: readonly JsonObject[], path: ContentPath): readonly JsonObject[] {
  return records.flatMap((record) => {
    const elements = nestedElements(record, path)
    return elements.length === 0 ? [] : recordsAt(record, path, elements)
  })
}

function nestedElements(record: JsonObject, path: ContentPath): readonly JsonValue[] {
  let value: JsonValue | undefined = record
  for (const name of path.names) {
    if (value !== undefined && value !== null && !isJsonObject(value)) break
    value = isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
  }
  if (value === undefined || value === null) return []
  if (Array.isArray(value)) return value
  throw new FatalSourceError('request', `The path ${path.text} does not point at an array inside each record.`, {
    code: '1315-400',
  })
}

/** The id of a record, joined from the members that the paths lead to. Throws 1313-400 when one is missing. */
export function recordId(record: JsonObject, paths: readonly (readonly string[])[]): string | null {
  if (paths.length === 0) return null
  const parts = paths.map((names) => {
    let value: JsonValue | undefined = record
    for (const name of names) value = isJsonObject(value) && Object.hasOwn(value, name) ? value[name] : undefined
    if (typeof value === 'number' || (typeof value === 'string' && value !== '')) return String(value)
    throw new FatalSourceError('request', `A record has no id at ${names.join('.')}, where idPath points.`, {
      code: '1313-400',
    })
  })
  return parts.join(':')
}
