import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { ContentPath } from './content.ts'
import { parseDatePattern, type DateWriter } from './date-pattern.ts'
import { parseNames } from './json-path.ts'
import type { Pagination } from './pagination.ts'
import { parsePagination } from './parse-pagination.ts'
import type { ScheduleRule } from './schedule.ts'
import { member, objects, RestSpecError, SpecReader, strings, text } from './spec-reader.ts'
import { hasScheduleQuery, parametersOf } from './templates.ts'

/** A Self-Serve connection spec with its spellings settled and its paths compiled. */
export interface RestSource {
  readonly name: string
  readonly resources: ResourceNames
  /** How a resource is read that has no entry in `lists`. */
  readonly list: RestSpec
  /** By resource path, for resources that are read in ways of their own. */
  readonly lists: ReadonlyMap<string, RestSpec>
  readonly auth: AuthRules
}

/** How one list of a source is read. */
export interface RestSpec {
  /** Templates. */
  readonly url: { readonly host: string; readonly path: string }
  readonly method: 'GET' | 'POST'
  readonly query: readonly (readonly [string, JsonValue])[]
  readonly headers: readonly (readonly [string, string])[]
  readonly body: JsonValue | undefined
  readonly content: ContentPath
  readonly explode: ContentPath | null
  readonly pagination: Pagination
  readonly schedule: ScheduleRule | null
  /** Used instead of inference. */
  readonly declaredSchema: JsonObject | null
  /** Where a record's id is; empty when the spec names none. */
  readonly idPaths: readonly (readonly string[])[]
  readonly auth: AuthRules
  /** The auth spec whose parameters the list needs; null when any will do. */
  readonly authSpec: NeededAuth | null
}

export interface NeededAuth {
  readonly name: string
  readonly required: readonly string[]
}

export interface ResourceNames {
  /** True when a source connection says by `params.resourcePath` what it reads. */
  readonly fromParams: boolean
  /** What `resourcePath` may be, when the spec says so. */
  readonly allowed: readonly string[]
  /** What a source connection reads that does not say; null when it must. */
  readonly fallback: string | null
}

/** What the auth specs say about the parameters of a connection. */
export interface AuthRules {
  readonly names: readonly string[]
  /** Parameters that no message may show. */
  readonly secretNames: readonly string[]
  readonly defaults: JsonObject
  /** Request header by parameter, for keys. */
  readonly headers: Readonly<Record<string, string>>
}

const ATTRIBUTES = '/sourceSpec/attributes'
const ALWAYS_SECRET = ['accessToken', 'refreshToken', 'clientSecret', 'password']

/** These belong to the connection, not to a spec. */
const FORBIDDEN_HEADERS = ['host', 'content-length', 'transfer-encoding', 'connection', 'upgrade', 'expect']

/** Reads a spec that the Self-Serve schema accepts. Throws `RestSpecError`. */
export function parseRestSpec(document: JsonObject & { readonly name: string }): RestSource {
  const reader = new SpecReader()
  const source = member(document, 'sourceSpec')
  const attributes = member(source, 'attributes')
  const auth = parseAuthSpecs(reader, document)
  const declared = [...auth.names, ...Object.keys(member(member(source, 'spec'), 'properties'))]
  const parse = (own: JsonObject, path: string) => parseList(reader, { attributes: own, path, auth, declared })
  const lists = Object.entries(member(attributes, 'resources')).map(([resourcePath, own]) => {
    const path = `${ATTRIBUTES}/resources/${resourcePath.replaceAll('~', '~0').replaceAll('/', '~1')}`
    return [resourcePath, parse({ ...attributes, ...(isJsonObject(own) ? own : {}) }, path)] as const
  })
  const parsed = {
    name: document.name,
    resources: parseResourceNames(reader, source, ATTRIBUTES),
    list: parse(attributes, ATTRIBUTES),
    lists: new Map(lists),
    auth: auth.rules,
  }
  if (reader.faults.length > 0) throw new RestSpecError(reader.faults)
  return parsed
}

interface ListRequest {
  readonly attributes: JsonObject
  /** JSON Pointer to them. */
  readonly path: string
  readonly auth: ReturnType<typeof parseAuthSpecs>
  /** Parameters that templates may name. */
  readonly declared: readonly string[]
}

function parseList(reader: SpecReader, { attributes, path, auth, declared }: ListRequest): RestSpec {
  const urlParams = member(attributes, 'urlParams')
  const host = text(urlParams['host']) ?? hostParameter(auth.names)
  if (host === null) {
    reader.fault('1304-400', `${path}/urlParams/host`, 'give it, or declare host or domain in an auth spec')
  }
  const pagination = parsePagination(reader, attributes['paginationParams'], `${path}/paginationParams`)
  const idPaths = parseIdPaths(reader, attributes['idPath'], `${path}/idPath`)
  const spec = {
    url: { host: host ?? '', path: text(urlParams['path']) ?? '' },
    method: text(urlParams['method'])?.toUpperCase() === 'POST' ? ('POST' as const) : ('GET' as const),
    query: parsePairs(urlParams['queryParams']),
    headers: parseHeaders(reader, attributes['headerParams'], path),
    body: attributes['bodyParams'],
    content: parseContentPath(reader, attributes['contentPath'], `${path}/contentPath`),
    explode:
      attributes['explodeEntityPath'] === undefined
        ? null
        : parseContentPath(reader, attributes['explodeEntityPath'], `${path}/explodeEntityPath`),
    // Without ids, readings could not be compared and would be appended one after the other.
    pagination: idPaths.length > 0 ? pagination : { ...pagination, maximumRereads: 0 },
    schedule: parseSchedule(reader, attributes['scheduleParams'], `${path}/scheduleParams`),
    declaredSchema: isJsonObject(attributes['schema']) ? attributes['schema'] : null,
    idPaths,
    auth: auth.rules,
    authSpec: neededAuth(reader, attributes['authSpecName'], auth.specs, `${path}/authSpecName`),
  }
  checkParameters(reader, spec, declared, path)
  checkScheduleQuery(reader, spec, path)
  return spec
}

function parseAuthSpecs(reader: SpecReader, document: JsonObject) {
  const names: string[] = []
  const secretNames = new Set<string>(ALWAYS_SECRET)
  const defaults: Record<string, JsonValue | undefined> = {}
  const headers: Record<string, string> = {}
  const specs: NeededAuth[] = []
  for (const [index, entry] of objects(document['authSpec']).entries()) {
    specs.push({ name: text(entry['name']) ?? '', required: strings(member(entry, 'spec')['required']) })
    for (const [name, property] of Object.entries(member(member(entry, 'spec'), 'properties'))) {
      if (!isJsonObject(property)) continue
      names.push(name)
      if (property['format'] === 'password') secretNames.add(name)
      else if (ALWAYS_SECRET.includes(name)) {
        reader.fault('1312-400', `/authSpec/${index}/spec/properties/${name}/format`, 'must be "password"')
      }
      defaults[name] = defaultOf(property)
      const header = text(member(property, 'restAttributes')['headerParamName'])
      if (header !== undefined) headers[name] = header
    }
  }
  return { names, specs, rules: { names, secretNames: [...secretNames], defaults: defaults as JsonObject, headers } }
}

function neededAuth(
  reader: SpecReader,
  value: JsonValue | undefined,
  known: readonly NeededAuth[],
  path: string,
): NeededAuth | null {
  if (value === undefined) return null
  const found = known.find(({ name }) => name === value)
  if (found === undefined) reader.fault('1312-400', path, 'is the name of no auth spec of this connection spec')
  return found ?? null
}

/** An object may have its defaults at its members. */
function defaultOf(property: JsonObject): JsonValue | undefined {
  if (property['default'] !== undefined) return property['default']
  const members = Object.entries(member(property, 'properties'))
    .map(([name, nested]) => [name, isJsonObject(nested) ? nested['default'] : undefined] as const)
    .filter(([, value]) => value !== undefined)
  return members.length === 0 ? undefined : (Object.fromEntries(members) as JsonObject)
}

function hostParameter(authNames: readonly string[]): string | null {
  const name = ['host', 'domain'].find((candidate) => authNames.includes(candidate))
  return name === undefined ? null : `\${${name}}`
}

function parseContentPath(reader: SpecReader, value: JsonValue | undefined, path: string): ContentPath {
  const object: JsonObject = isJsonObject(value) ? value : { path: value }
  const spelled = text(object['path']) ?? '$'
  const pathOfPath = isJsonObject(value) ? `${path}/path` : path
  const keep = strings(object['keepAttributes'])
  for (const name of ['skipAttributes', 'keepAttributes']) {
    for (const [index, attribute] of strings(object[name]).entries()) {
      if (!/[$.[\]]/.test(attribute)) continue
      const rule = `"${attribute}" must be the name of an attribute beside the collection, not a path`
      reader.fault('1319-400', `${path}/${name}/${index}`, rule)
    }
  }
  return {
    text: spelled,
    names: reader.attempt(pathOfPath, '1314-400', () => parseNames(spelled)) ?? [],
    skip: new Set(strings(object['skipAttributes'])),
    keep: keep.length === 0 ? null : new Set(keep),
    wrapper: text(object['overrideWrapperAttribute']) ?? null,
  }
}

function parseSchedule(reader: SpecReader, value: JsonValue | undefined, path: string): ScheduleRule | null {
  if (!isJsonObject(value)) return null
  const write = (name: string): DateWriter =>
    reader.attempt(`${path}/${name}`, '1312-400', () => parseDatePattern(text(value[name]))) ?? String
  const needed = (name: string): string => {
    const found = text(value[name])
    if (found === undefined) reader.fault('1317-400', `${path}/${name}`, 'is missing or empty; give a value')
    return found ?? ''
  }
  if (text(value['type'])?.toUpperCase() === 'ADVANCE') {
    const [incremental, backfill] = [needed('incremental'), needed('backfill')]
    return { type: 'ADVANCE', write: write('paramFormat'), incremental, backfill }
  }
  return {
    type: 'PARAMETERS',
    start: { name: needed('scheduleStartParamName'), write: write('scheduleStartParamFormat') },
    end: { name: needed('scheduleEndParamName'), write: write('scheduleEndParamFormat') },
  }
}

function parseIdPaths(reader: SpecReader, value: JsonValue | undefined, path: string) {
  const spelled = typeof value === 'string' ? [value] : strings(value)
  return spelled.map((entry) => reader.attempt(path, '1314-400', () => parseNames(entry)) ?? [])
}

function parseResourceNames(reader: SpecReader, source: JsonObject, path: string): ResourceNames {
  const property = member(member(source, 'spec'), 'properties')['resourcePath']
  const allowed = isJsonObject(property) ? strings(property['enum']) : []
  const described = Object.keys(member(member(source, 'attributes'), 'resources'))
  const stray = described.find((resourcePath) => !allowed.includes(resourcePath))
  if (stray !== undefined) {
    const rule = `"${stray.slice(0, 80)}" must stand in the enum of sourceSpec.spec.properties.resourcePath`
    reader.fault('1312-400', `${path}/resources`, rule)
  }
  const fallback = isJsonObject(property) ? (text(property['default']) ?? null) : null
  return { fromParams: isJsonObject(property), allowed, fallback }
}

/** `{name: value}`, or the older text `name=value,name2=value2`; a comma inside a value is no separator. */
function parsePairs(value: JsonValue | undefined): readonly (readonly [string, JsonValue])[] {
  if (isJsonObject(value)) {
    return Object.entries(value).filter(
      (pair): pair is [string, JsonValue] => pair[1] !== undefined && pair[1] !== null,
    )
  }
  return (text(value) ?? '')
    .split(/[,&](?=[^,&=]+=)/)
    .filter((pair) => pair.includes('='))
    .map((pair) => [pair.slice(0, pair.indexOf('=')).trim(), pair.slice(pair.indexOf('=') + 1).trim()] as const)
}

function parseHeaders(reader: SpecReader, value: JsonValue | undefined, owner: string) {
  const path = `${owner}/headerParams`
  return parsePairs(value).map(([name, entry]) => {
    if (FORBIDDEN_HEADERS.includes(name.toLowerCase()) || !/^[!#$%&'*+.^_`|~0-9A-Za-z-]+$/.test(name)) {
      reader.fault('1312-400', path, `"${name.slice(0, 80)}" is no header that a spec may set`)
    }
    return [name, String(entry)] as const
  })
}

function checkParameters(reader: SpecReader, spec: RestSpec, declared: readonly string[], path: string): void {
  const templates: Readonly<Record<string, JsonValue | undefined>> = {
    'urlParams/host': spec.url.host,
    'urlParams/path': spec.url.path,
    'urlParams/queryParams': spec.query.map(([, value]) => value),
    headerParams: spec.headers.map(([, value]) => value),
    bodyParams: spec.body,
  }
  for (const [place, template] of Object.entries(templates)) {
    for (const name of parametersOf(template)) {
      if (declared.includes(name)) continue
      const rule = `\${${name}} is declared neither in sourceSpec.spec.properties nor in an auth spec`
      reader.fault('1312-400', `${path}/${place}`, rule)
    }
  }
}

function checkScheduleQuery(reader: SpecReader, spec: RestSpec, owner: string): void {
  const isUsed = [spec.url.path, spec.query.map(([, value]) => value), spec.headers, spec.body].some((template) =>
    hasScheduleQuery(template as JsonValue | undefined),
  )
  const isMade = spec.schedule?.type === 'ADVANCE'
  const path = `${owner}/scheduleParams`
  if (isUsed && !isMade) reader.fault('1317-400', path, 'must be of type ADVANCE, because {SCHEDULE_QUERY} is used')
  if (isMade && !isUsed) {
    reader.fault('1317-400', path, '{SCHEDULE_QUERY} stands nowhere in path, queryParams, headerParams or bodyParams')
  }
}
