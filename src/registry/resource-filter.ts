import { isJsonObject } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import { SchemaRegistryError } from './registry-error.ts'

export type ResourceFilter = (resource: JsonObject) => boolean

const MAX_FILTERS = 100

/**
 * The `property` parameters of a list; all of them must hold. `path==value` and `path~value` (contains) hold when any value at
 * the path does, `path!=value` when none equals, a bare `path` when there is a value.
 *
 * @throws SchemaRegistryError 1030-400
 */
export function parseResourceFilter(values: readonly string[]): ResourceFilter {
  if (values.length > MAX_FILTERS) {
    throw new SchemaRegistryError('1030-400', `At most ${MAX_FILTERS} property filters are taken; send fewer.`)
  }
  const filters = values.map(parseOne)
  return (resource) => filters.every((holds) => holds(resource))
}

function parseOne(text: string): ResourceFilter {
  const [match, path = '', operator, written = ''] = /^([^=!~<>]+)(?:(==|!=|~|=)(.*))?$/s.exec(text) ?? []
  if (match === undefined || path.trim() === '' || (operator !== undefined && written.trim() === '')) {
    const message = `property="${text.slice(0, 120)}" is no filter; write path==value, path!=value, path~text or path.`
    throw new SchemaRegistryError('1030-400', message)
  }
  const names = path.trim().split('.')
  const value = written.trim().replace(/^"(.*)"$/s, '$1')
  if (operator === undefined) return (resource) => valuesAt(resource, names).length > 0
  if (operator === '!=') return (resource) => !valuesAt(resource, names).some((found) => String(found) === value)
  if (operator === '~') return (resource) => valuesAt(resource, names).some((found) => String(found).includes(value))
  return (resource) => valuesAt(resource, names).some((found) => String(found) === value)
}

/** The plain values at a path, those of every element where it meets an array. */
function valuesAt(node: JsonValue | undefined, [name, ...rest]: readonly string[]): readonly JsonValue[] {
  if (Array.isArray(node))
    return node.flatMap((element) => valuesAt(element, name === undefined ? [] : [name, ...rest]))
  if (name !== undefined) return isJsonObject(node) && Object.hasOwn(node, name) ? valuesAt(node[name], rest) : []
  return node === undefined || node === null ? [] : [node]
}
