import { SchemaRegistryError } from './registry-error.ts'

const VARIANTS = ['id', 'full', 'notext', 'desc', 'flat', 'deprecated', 'deprecatedfield'] as const
type Variant = (typeof VARIANTS)[number]

/** What an answer is to look like, as the `Accept` header says. */
export interface View {
  readonly variants: ReadonlySet<Variant>
  /** Of the version that is asked for; null when the header names none. */
  readonly version: { readonly major: number; readonly minor: number | null } | null
}

const PLAIN_TYPES = ['application/json', 'application/*', '*/*']
const REGISTRY_TYPE = /^application\/vnd\.adobe\.(?:xed|xdm)((?:-[a-z]+)*)\+json$/
const VERSION = /^version\s*=\s*"?(\d{1,6})(?:\.(\d{1,6}))?"?$/

/**
 * The view of a list: short with `-id` and for clients that have no wish, else full resources.
 *
 * @throws SchemaRegistryError 1006-400 for any other header, one with a version included
 */
export function parseListAccept(header: string | undefined): 'short' | 'full' {
  const view = parseAccept(header)
  if (view === 'plain') return 'short'
  const [variant, second] = view?.variants ?? []
  if (view === null || view.version !== null || second !== undefined || (variant ?? 'id') !== 'id') {
    throw invalid('1006-400', header, 'application/vnd.adobe.{xed|xdm}+json or application/vnd.adobe.{xed|xdm}-id+json')
  }
  return variant === 'id' ? 'short' : 'full'
}

/**
 * The view of a single resource. A header without a version, `application/json` and the like mean version 1.
 *
 * @throws SchemaRegistryError 1007-400 for a header of another form
 */
export function parseLookupAccept(header: string | undefined): View {
  const view = parseAccept(header)
  if (view === null) throw invalid('1007-400', header, 'application/vnd.adobe.{xed|xdm}-full+json; version=1')
  return view === 'plain' ? { variants: new Set(), version: null } : view
}

/** The first media type of the header that the registry knows; `plain` for a client without a wish, null for none. */
function parseAccept(header: string | undefined): View | 'plain' | null {
  const types = (header ?? '*/*').split(',').map(parseType)
  return types.find((type) => type !== null) ?? null
}

function parseType(text: string): View | 'plain' | null {
  const [name = '', ...parameters] = text.split(';').map((part) => part.trim().toLowerCase())
  if (PLAIN_TYPES.includes(name)) return 'plain'
  const [match, suffix = ''] = REGISTRY_TYPE.exec(name) ?? []
  if (match === undefined) return null
  const variants = suffix.split('-').slice(1)
  if (!variants.every((variant) => VARIANTS.includes(variant as Variant))) return null
  const wishes = parameters.filter((parameter) => parameter !== '' && !/^q\s*=/.test(parameter))
  const [wish, second] = wishes
  const version = wish === undefined ? null : parseVersion(wish)
  if (version === undefined || second !== undefined) return null
  return { variants: new Set(variants as Variant[]), version }
}

function parseVersion(parameter: string): View['version'] | undefined {
  const [match, major, minor] = VERSION.exec(parameter) ?? []
  return match === undefined ? undefined : { major: Number(major), minor: minor === undefined ? null : Number(minor) }
}

function invalid(code: '1006-400' | '1007-400', header: string | undefined, example: string): SchemaRegistryError {
  const found = (header ?? '').slice(0, 200)
  return new SchemaRegistryError(
    code,
    `The supplied Accept header is not valid: ${found} - A valid Accept value should look like ${example}`,
  )
}
