import fc from 'fast-check'
import { connectionBody, flowBody, sourceBody, targetBody, UNKNOWN_ID } from '../support/flow-host.ts'
import type { Chain } from '../support/flow-host.ts'

export const COLLECTIONS = ['connections', 'sourceConnections', 'targetConnections', 'flows', 'runs'] as const
export type Collection = (typeof COLLECTIONS)[number]

/** Whom an id belongs to, told when the call is made: ids are not known before. */
export type IdChoice = 'own' | 'foreign' | 'unknown' | Collection | { readonly text: string }

/** A call as it was thrown up; `fuzz.test.ts` makes it. */
export type FuzzCall =
  | { readonly kind: 'list'; readonly collection: Collection; readonly query: string }
  | { readonly kind: 'search'; readonly collection: Collection; readonly query: string; readonly body: FuzzBody }
  | { readonly kind: 'read'; readonly collection: Collection; readonly id: IdChoice; readonly rest: string }
  | { readonly kind: 'create'; readonly collection: Collection; readonly query: string; readonly body: FuzzBody }
  | { readonly kind: 'act'; readonly collection: Collection; readonly id: IdChoice; readonly query: string }
  | { readonly kind: 'delete'; readonly collection: Collection; readonly id: IdChoice }
  | {
      readonly kind: 'patch'
      readonly collection: Collection
      readonly id: IdChoice
      readonly ifMatch: string
      readonly body: FuzzBody
    }

/** `base` is a body that the server takes; `changes` are laid over it. Without a base the value itself is sent. */
export type FuzzBody =
  | { readonly base: true; readonly changes: readonly (readonly [path: readonly string[], value: unknown])[] }
  | { readonly base: false; readonly value: unknown }
  | { readonly bytes: Uint8Array }

/** Stands for a number that JSON can spell and JavaScript cannot hold. */
const HUGE = '\u{1F4A5}1e999'

const NASTY_TEXTS = [
  '',
  ' ',
  '__proto__',
  'constructor',
  'prototype',
  'toString',
  'hasOwnProperty',
  '\u0000',
  'a\u0000b',
  '\ud800',
  '\udc00\ud800',
  '\ufeff',
  '\u202e',
  '🎉👨‍👩‍👧',
  "'; drop table entities; --",
  '"',
  '\\',
  '%',
  '%00',
  '$.a',
  '$',
  '[]',
  '[0]',
  '..',
  '../../etc/passwd',
  '{{x}}',
  '1e999',
  '-0',
  'NaN',
  'Infinity',
  '9007199254740993',
  '0x10',
  'true',
  'null',
  '********',
  'draft',
  UNKNOWN_ID,
  '9'.repeat(400),
  'x'.repeat(3000),
  'a.'.repeat(30),
  '('.repeat(200),
]

const NASTY_VALUES: readonly unknown[] = [
  null,
  true,
  0,
  -1,
  1.5,
  1e308,
  Number.MAX_SAFE_INTEGER + 2,
  HUGE,
  [],
  {},
  [[]],
  [null],
  '',
  'x'.repeat(20_000),
  nested(90),
  nested(150),
  { ['__proto__']: { polluted: true } },
]

function nested(depth: number): unknown {
  let value: unknown = 'deep'
  for (let level = 0; level < depth; level++) value = level % 2 === 0 ? [value] : { a: value }
  return value
}

const nastyText = fc.oneof(
  fc.constantFrom(...NASTY_TEXTS),
  fc.string({ unit: 'binary', maxLength: 12 }),
  fc.string({ unit: 'grapheme', maxLength: 12 }),
  fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 5 }).map((codes) => String.fromCharCode(...codes)),
)

const { value: json } = fc.letrec<{ value: unknown }>((tie) => ({
  value: fc.oneof(
    { maxDepth: 3, withCrossShrink: true },
    fc.constantFrom(...NASTY_VALUES),
    nastyText,
    fc.double(),
    fc.integer(),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.array(fc.tuple(nastyText, tie('value')), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
  ),
}))

/** Percent-encoded all over, or raw wherever a request target may be. What is no Unicode becomes bytes that are none. */
function encode(text: string, raw: boolean): string {
  return [...text]
    .map((character) => {
      if (raw && /^[\x21-\x7e\xa1-\xff]$/.test(character) && character !== '#') return character
      return character.isWellFormed() ? encodeURIComponent(character) : '%ED%A0%80'
    })
    .join('')
}

const FIELDS = [
  'id',
  'name',
  'description',
  'state',
  'createdAt',
  'updatedAt',
  'flowId',
  'baseConnectionId',
  'connectionSpec.id',
  'params.resourcePath',
  'params.columns[].name',
  'sourceConnectionIds[]',
  'inheritedAttributes.targetConnections[].connectionSpec.id',
  'metrics.statusSummary.status',
  'lastRunDetails.startedAtUTC',
  'transformations[].params.mappingId',
  'auth.params.accessToken',
  'imsOrgId',
]
const OPERATORS = ['==', '!=', '>=', '<=', '>', '<', '=', '~', '=~', '!', '<>', ' == ', '']

const field = fc.oneof({ weight: 3, arbitrary: fc.constantFrom(...FIELDS) }, { weight: 1, arbitrary: nastyText })
const values = fc
  .array(fc.oneof(nastyText, fc.constantFrom('enabled', '1', '"a,b"', '""', '"')), { minLength: 1, maxLength: 3 })
  .map((list) => list.join(','))
const operator = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('==', '!=', '>', '<=') },
  { weight: 1, arbitrary: fc.constantFrom(...OPERATORS) },
)
const filter = fc.tuple(field, operator, values).map((parts) => parts.join(''))
const sign = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('', '+', '-') },
  { weight: 1, arbitrary: fc.constantFrom(' ', '*', '--') },
)
const order = fc
  .array(fc.tuple(sign, field), { minLength: 1, maxLength: 4 })
  .map((fields) => fields.map((parts) => parts.join('')).join(','))

const parameter = fc.oneof(
  { weight: 4, arbitrary: filter.map((text) => ['property', text] as const) },
  { weight: 3, arbitrary: order.map((text) => ['orderby', text] as const) },
  fc.oneof(nastyText, fc.integer({ min: -2, max: 1e9 }).map(String)).map((text) => ['limit', text] as const),
  fc.oneof(nastyText, fc.constantFrom('true', 'False')).map((text) => ['count', text] as const),
  nastyText.map((text) => ['continuationToken', text] as const),
  fc.tuple(nastyText, nastyText),
)
const query = fc.tuple(fc.array(parameter, { maxLength: 4 }), fc.boolean()).map(([parameters, raw]) => {
  const pairs = parameters.map(([name, text]) => `${encode(name, false)}=${encode(text, raw)}`)
  return pairs.length === 0 ? '' : `?${pairs.join('&')}`
})
const only = (name: string, texts: fc.Arbitrary<string>) =>
  fc.tuple(texts, fc.boolean()).map(([text, raw]) => `?${name}=${encode(text, raw)}`)

const id: fc.Arbitrary<IdChoice> = fc.oneof(
  { weight: 8, arbitrary: fc.constant<IdChoice>('own') },
  { weight: 2, arbitrary: fc.constantFrom<IdChoice[]>('foreign', 'unknown', ...COLLECTIONS) },
  { weight: 1, arbitrary: nastyText.map((text) => ({ text: encode(text, false).replaceAll('.', '%2E') })) },
)

const MEMBERS = [
  ['name'],
  ['description'],
  ['connectionSpec'],
  ['connectionSpec', 'id'],
  ['connectionSpec', 'version'],
  ['auth'],
  ['auth', 'specName'],
  ['auth', 'params'],
  ['auth', 'params', 'accessToken'],
  ['baseConnectionId'],
  ['data'],
  ['data', 'format'],
  ['data', 'schema'],
  ['params'],
  ['params', 'resourcePath'],
  ['params', 'dataSetId'],
  ['flowSpec'],
  ['sourceConnectionIds'],
  ['targetConnectionIds'],
  ['targetConnectionIds', '0'],
  ['scheduleParams'],
  ['scheduleParams', 'startTime'],
  ['scheduleParams', 'frequency'],
  ['scheduleParams', 'interval'],
  ['scheduleParams', 'backfill'],
  ['transformations'],
  ['options'],
  ['options', 'partialIngestionPercent'],
  ['policy'],
  ['flowId'],
  ['id'],
  ['etag'],
  ['imsOrgId'],
  ['createdAt'],
]
const member = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<(readonly string[])[]>(...MEMBERS) },
  { weight: 1, arbitrary: fc.array(nastyText, { minLength: 1, maxLength: 3 }) },
)
const changed = fc.array(fc.tuple(member, json), { maxLength: 3 }).map((changes): FuzzBody => ({ base: true, changes }))
const anything = json.map((value): FuzzBody => ({ base: false, value }))
const noText = fc.uint8Array({ maxLength: 20 }).map((bytes): FuzzBody => ({ bytes }))
const createBody = fc.oneof({ weight: 5, arbitrary: changed }, { weight: 2, arbitrary: anything }, noText)

const pointer = fc.oneof(
  { weight: 4, arbitrary: fc.constantFrom<(readonly string[])[]>(...MEMBERS).map((path) => `/${path.join('/')}`) },
  {
    weight: 1,
    arbitrary: fc.array(nastyText, { maxLength: 3 }).map((path) => path.map((name) => `/${name}`).join('')),
  },
  { weight: 1, arbitrary: nastyText },
)
const plainChange = fc.oneof(
  fc.tuple(fc.constantFrom('/name', '/description'), nastyText),
  fc.tuple(fc.constantFrom('/params/n', '/scheduleParams/n', '/policy/n', '/data', '/policy', '/params'), json),
  fc.tuple(fc.constantFrom('/transformations', '/scheduleParams/interval'), fc.constantFrom<unknown[]>([], 20)),
)
const plainOperation = fc
  .tuple(fc.constantFrom('add', 'REPLACE'), plainChange)
  .map(([op, [path, value]]) => ({ op, path, value }))
const operation = fc.record(
  {
    op: fc.oneof(
      { weight: 6, arbitrary: fc.constantFrom<unknown[]>('add', 'replace', 'remove', 'Replace') },
      { weight: 1, arbitrary: json },
    ),
    path: fc.oneof({ weight: 8, arbitrary: pointer as fc.Arbitrary<unknown> }, { weight: 1, arbitrary: json }),
    value: json,
  },
  { requiredKeys: ['op'] },
)
const patchBody = fc.oneof(
  { weight: 3, arbitrary: plainOperation.map((value): FuzzBody => ({ base: false, value: [value] })) },
  {
    weight: 5,
    arbitrary: fc
      .array(fc.oneof(operation, plainOperation), { maxLength: 4 })
      .map((value): FuzzBody => ({ base: false, value })),
  },
  { weight: 1, arbitrary: anything },
  noText,
)

const searchBody = fc
  .record(
    {
      queryString: fc.oneof(filter, filter, json),
      limit: fc.oneof(fc.integer({ min: 1 }), json),
      orderby: fc.oneof(order, order, json),
      count: fc.oneof(fc.boolean(), json),
      projectionFields: fc.oneof(fc.constant('name,id'), json),
    },
    { requiredKeys: [] },
  )
  .map((value): FuzzBody => ({ base: false, value }))

const collection = fc.constantFrom<Collection[]>(...COLLECTIONS)
const patched = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.constantFrom<Collection[]>('connections', 'sourceConnections', 'targetConnections', 'flows'),
  },
  { weight: 1, arbitrary: fc.constant<Collection>('runs') },
)
const searched = fc.oneof(
  { weight: 6, arbitrary: fc.constantFrom<Collection[]>('connections', 'flows') },
  { weight: 1, arbitrary: collection },
)
const operations = fc.oneof(
  { weight: 3, arbitrary: fc.constantFrom('publish', 'enable', 'disable', 'ENABLE', 'finalize', 're_trigger') },
  { weight: 1, arbitrary: nastyText },
)

export const fuzzCall: fc.Arbitrary<FuzzCall> = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('list' as const), collection, query }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('search' as const),
      collection: searched,
      query: fc.oneof(fc.constant(''), only('continuationToken', nastyText)),
      body: fc.oneof(searchBody, anything),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('read' as const),
      collection,
      id,
      rest: fc.constantFrom('', '/', '/runs', '/configs', '/records', '/explore?objectType=rest'),
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('create' as const),
      collection,
      query: fc.oneof({ weight: 5, arbitrary: fc.constantFrom('', '?mode=draft') }, only('mode', nastyText)),
      body: createBody,
    }),
  },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('patch' as const),
      collection: patched,
      id,
      ifMatch: fc.oneof(
        { weight: 5, arbitrary: fc.constant('*') },
        { weight: 1, arbitrary: fc.constantFrom('', '"x"', 'W/', '\\"', '"') },
      ),
      body: patchBody,
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('act' as const), collection: patched, id, query: only('op', operations) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('delete' as const),
      collection,
      id: fc.constantFrom<IdChoice[]>('own', 'foreign', 'unknown', ...COLLECTIONS),
    }),
  },
)

/** The bytes of a body. */
export function bytesOf(body: FuzzBody, collection: Collection, own: Chain): Uint8Array {
  if ('bytes' in body) return body.bytes
  const value = body.base ? applied(validBody(collection, own), body.changes) : body.value
  return Buffer.from((JSON.stringify(value) ?? '').replaceAll(`"${HUGE}"`, '1e999'))
}

function validBody(collection: Collection, { dataSetId, baseId, sourceId, targetId, flowId }: Chain): object {
  switch (collection) {
    case 'connections':
      return connectionBody()
    case 'sourceConnections':
      return sourceBody(baseId)
    case 'targetConnections':
      return targetBody(dataSetId)
    case 'flows':
      return flowBody(sourceId, targetId)
    case 'runs':
      return { flowId, params: {} }
  }
}

function applied(body: object, changes: readonly (readonly [readonly string[], unknown])[]): unknown {
  const copy = structuredClone(body)
  for (const [path, value] of changes) {
    let owner: unknown = copy
    for (const name of path.slice(0, -1))
      owner = isObject(owner) && Object.hasOwn(owner, name) ? owner[name] : undefined
    const last = path.at(-1) ?? ''
    if (isObject(owner))
      Object.defineProperty(owner, last, { value, enumerable: true, writable: true, configurable: true })
  }
  return copy
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null
}
