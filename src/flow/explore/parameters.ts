import { FlowServiceError } from '../../errors.ts'
import type { JsonObject } from '../../json.ts'
import { parseSourceParams } from './source-params.ts'

/** Query parameters as they came, by name. */
export type Query = Readonly<Record<string, readonly string[]>>

const OBJECT_TYPES = ['root', 'rest', 'table'] as const

export interface ExploreParameters {
  readonly objectType: (typeof OBJECT_TYPES)[number]
  /** A resource path with `objectType=table`, else `json` or absent. */
  readonly object: string | undefined
  readonly preview: boolean
  readonly sourceParams: JsonObject | undefined
}

/**
 * Reads the query of an explore call; parameter names, object types and booleans in any letter case. What the
 * documentation names but this kind of source does not offer is refused, anything else unknown is ignored.
 */
export function parseExploreParameters(query: Query): ExploreParameters {
  const values = new Map(Object.entries(query).map(([name, all]) => [name.toLowerCase(), all.at(-1)]))
  const objectType = parseObjectType(values.get('objecttype'))
  const object = values.get('object')
  if (objectType === 'rest' && object !== undefined && object.toLowerCase() !== 'json') {
    throw new FlowServiceError('1312-400', `"${object}" is not a valid object; with objectType=rest it must be json.`)
  }
  const fileType = values.get('filetype')
  if (fileType !== undefined && fileType.toLowerCase() !== 'json') {
    throw new FlowServiceError('1399-400', `"${fileType}" is not a valid fileType; this source offers json only.`)
  }
  if (values.get('filters') !== undefined) {
    throw new FlowServiceError(
      '1353-400',
      'This source does not filter at the source; leave out the parameter filters.',
    )
  }
  const sourceParams = values.get('sourceparams')
  return {
    objectType,
    object,
    preview: parsePreview(values.get('preview')),
    sourceParams: sourceParams === undefined ? undefined : parseSourceParams(sourceParams),
  }
}

function parseObjectType(value = 'root'): ExploreParameters['objectType'] {
  const objectType = OBJECT_TYPES.find((type) => type === value.toLowerCase())
  if (objectType === undefined) {
    throw new FlowServiceError(
      '1358-400',
      `"${value}" is not a valid objectType for this source; one of ${OBJECT_TYPES.join(', ')}.`,
    )
  }
  return objectType
}

function parsePreview(value = 'false'): boolean {
  const text = value.toLowerCase()
  if (text !== 'true' && text !== 'false') {
    throw new FlowServiceError('1452-400', `"${value}" is not a valid preview; it must be true or false.`)
  }
  return text === 'true'
}
