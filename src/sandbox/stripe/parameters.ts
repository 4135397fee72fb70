import { badParameter, StripeError } from './errors.ts'

/** Parameters as sent: text, or brackets unfolded. Both `k[]=a` and `k[0]=a` make an array. */
export type RawParam = string | RawParam[] | RawParams
export interface RawParams {
  [name: string]: RawParam
}

/** Parameters as checked against a schema. */
export type ParamValue = string | number | boolean | null | ParamValue[] | Range | ValidParams
export interface ValidParams {
  [name: string]: ParamValue | undefined
}

/** Whole seconds (or other integers), both ends inclusive. */
export class Range {
  readonly from: number
  readonly to: number

  constructor(from: number, to: number) {
    this.from = from
    this.to = to
  }

  has(value: number): boolean {
    return value >= this.from && value <= this.to
  }
}

export type ParamRule =
  | { readonly kind: 'text'; readonly max?: number; readonly unsettable?: boolean }
  | { readonly kind: 'integer'; readonly min?: number; readonly max?: number }
  | { readonly kind: 'boolean' }
  | { readonly kind: 'choice'; readonly of: readonly string[] }
  | { readonly kind: 'range' }
  | { readonly kind: 'texts'; readonly max: number }
  | { readonly kind: 'metadata' }
  | { readonly kind: 'hash'; readonly members: ParamSchema }
  | { readonly kind: 'hashes'; readonly members: ParamSchema; readonly max: number }
  | { readonly kind: 'ignored' }

/** Where a parameter stands in the history of versions. */
export interface ParamHistory {
  /** The first version that knows it. */
  readonly since?: string
  /** The first version that knows it only to refuse it, and the code of the refusal. */
  readonly refusedSince?: { readonly version: string; readonly code: string }
}

export interface ParamSchema {
  readonly [name: string]: ParamRule & ParamHistory & { readonly required?: boolean }
}

const MAX_PARTS = 8

/** Unfolds a query string or a form body. */
export function parseForm(text: string): RawParams {
  const params: RawParams = Object.create(null) as RawParams
  if (text === '') return params
  for (const [name, value] of new URLSearchParams(text)) {
    if (!name.includes('[')) {
      params[name] = value
      continue
    }
    const parts = partsOf(name)
    assign(params, parts, value)
  }
  return params
}

function partsOf(name: string): string[] {
  const open = name.indexOf('[')
  const parts = [name.slice(0, open)]
  for (const match of name.slice(open).matchAll(/\[([^\]]*)\]/g)) parts.push(match[1] ?? '')
  if (parts.length > MAX_PARTS) throw new StripeError(400, `Parameter is nested too deeply: ${name}`, { param: name })
  return parts
}

function assign(target: RawParams, parts: readonly string[], value: string): void {
  const [head = '', next, ...rest] = parts
  if (next === undefined) {
    target[head] = value
    return
  }
  const isArray = next === '' || /^\d+$/.test(next)
  const present = target[head]
  if (!isArray) {
    const hash = typeof present === 'object' && !Array.isArray(present) ? present : (Object.create(null) as RawParams)
    target[head] = hash
    assign(hash, [next, ...rest], value)
    return
  }
  const list = Array.isArray(present) ? present : []
  target[head] = list
  if (rest.length === 0) {
    list.push(value)
    return
  }
  const place = next === '' ? list.length : Math.min(Number(next), list.length)
  const entry = list[place]
  const holder: RawParams = { entry: typeof entry === 'object' ? entry : (Object.create(null) as RawParams) }
  assign(holder, ['entry', ...rest], value)
  list[place] = holder.entry as RawParam
}

/** The same shape out of JSON, for scripts: numbers and booleans become the text a form would carry. */
export function rawFromJson(value: unknown): RawParams {
  const convert = (part: unknown): RawParam => {
    if (Array.isArray(part)) return part.map(convert)
    if (typeof part === 'object' && part !== null) return rawFromJson(part)
    return part === null || part === undefined ? '' : String(part)
  }
  const params: RawParams = Object.create(null) as RawParams
  if (typeof value !== 'object' || value === null) return params
  for (const [name, part] of Object.entries(value)) if (part !== undefined) params[name] = convert(part)
  return params
}

/** Checks every parameter; a name the schema does not know is refused. Without a version any history will do. */
export function validate(raw: RawParams, schema: ParamSchema, path = '', version?: string): ValidParams {
  const valid: ValidParams = {}
  for (const name of Object.keys(raw)) {
    const full = path === '' ? name : `${path}[${name}]`
    const rule = Object.hasOwn(schema, name) ? schema[name] : undefined
    if (rule === undefined || (version !== undefined && rule.since !== undefined && version < rule.since)) {
      throw badParameter('parameter_unknown', full, `Received unknown parameter: ${full}`)
    }
    const refused = rule.refusedSince
    if (version !== undefined && refused !== undefined && version >= refused.version) {
      throw badParameter(refused.code, full, `The parameter ${full} is no longer supported.`)
    }
    valid[name] = check(raw[name] as RawParam, rule, full)
  }
  for (const [name, rule] of Object.entries(schema)) {
    if (rule.required && valid[name] === undefined) {
      const full = path === '' ? name : `${path}[${name}]`
      throw badParameter('parameter_missing', full, `Missing required param: ${full}.`)
    }
  }
  return valid
}

type Check<K extends ParamRule['kind']> = (
  raw: RawParam,
  rule: Extract<ParamRule, { kind: K }>,
  name: string,
) => ParamValue | undefined

const CHECKS: { readonly [K in ParamRule['kind']]: Check<K> } = {
  text(raw, rule, name) {
    if (typeof raw !== 'string') throw new StripeError(400, `Invalid string: ${name} must be a string`, { param: name })
    if (raw === '' && rule.unsettable) return null
    if (raw === '') throw emptyParameter(name)
    if (raw.length > (rule.max ?? 5000)) {
      throw badParameter(
        'parameter_invalid_string_too_long',
        name,
        `Invalid string: ${name} is longer than ${rule.max ?? 5000} characters`,
      )
    }
    return raw
  },
  integer(raw, rule, name) {
    const value = integerOf(raw, name)
    if (rule.max !== undefined && value > rule.max) {
      throw badParameter('parameter_invalid_integer', name, `This value must be less than or equal to ${rule.max}.`)
    }
    if (rule.min !== undefined && value < rule.min) {
      throw badParameter('parameter_invalid_integer', name, `This value must be greater than or equal to ${rule.min}.`)
    }
    return value
  },
  boolean(raw, _rule, name) {
    if (raw === 'true' || raw === 'false') return raw === 'true'
    if (raw === '') throw emptyParameter(name)
    throw new StripeError(400, `Invalid boolean: ${show(raw)}`, { param: name })
  },
  choice(raw, rule, name) {
    if (raw === '') throw emptyParameter(name)
    if (typeof raw === 'string' && rule.of.includes(raw)) return raw
    throw new StripeError(400, `Invalid ${name}: must be one of ${rule.of.join(', ')}`, { param: name })
  },
  range(raw, _rule, name) {
    if (typeof raw === 'string') {
      const exact = integerOf(raw, name)
      return new Range(exact, exact)
    }
    if (Array.isArray(raw)) throw new StripeError(400, `Invalid hash: ${name}`, { param: name })
    let from = -Infinity
    let to = Infinity
    for (const [operator, text] of Object.entries(raw)) {
      const full = `${name}[${operator}]`
      const value = (): number => integerOf(text, full)
      if (operator === 'gt') from = Math.max(from, value() + 1)
      else if (operator === 'gte') from = Math.max(from, value())
      else if (operator === 'lt') to = Math.min(to, value() - 1)
      else if (operator === 'lte') to = Math.min(to, value())
      else throw badParameter('parameter_unknown', full, `Received unknown parameter: ${full}`)
    }
    return new Range(from, to)
  },
  texts(raw, rule, name) {
    if (!Array.isArray(raw)) throw new StripeError(400, `Invalid array: ${name}`, { param: name })
    if (raw.length > rule.max) {
      throw new StripeError(400, `Array ${name} exceeded maximum ${rule.max} allowed elements.`, { param: name })
    }
    return raw.map((entry, place) => CHECKS.text(entry, { kind: 'text' }, `${name}[${place}]`) as string)
  },
  metadata(raw, _rule, name) {
    if (raw === '') return null
    if (typeof raw === 'string' || Array.isArray(raw))
      throw new StripeError(400, `Invalid hash: ${name}`, { param: name })
    const metadata: ValidParams = {}
    for (const [key, value] of Object.entries(raw)) {
      const full = `${name}[${key}]`
      if (typeof value !== 'string')
        throw new StripeError(400, `Metadata values must be strings: ${full}`, { param: full })
      if (key.length > 40) throw new StripeError(400, 'Metadata keys can have up to 40 characters.', { param: full })
      if (value.length > 500) {
        throw new StripeError(400, 'Metadata values can have up to 500 characters.', { param: full })
      }
      metadata[key] = value
    }
    return metadata
  },
  hash(raw, rule, name) {
    if (typeof raw === 'string' || Array.isArray(raw))
      throw new StripeError(400, `Invalid hash: ${name}`, { param: name })
    return validate(raw, rule.members, name)
  },
  hashes(raw, rule, name) {
    if (!Array.isArray(raw)) throw new StripeError(400, `Invalid array: ${name}`, { param: name })
    if (raw.length > rule.max) {
      throw new StripeError(400, `Array ${name} exceeded maximum ${rule.max} allowed elements.`, { param: name })
    }
    return raw.map((entry, place) => {
      const full = `${name}[${place}]`
      if (typeof entry === 'string' || Array.isArray(entry))
        throw new StripeError(400, `Invalid hash: ${full}`, { param: full })
      return validate(entry, rule.members, full)
    })
  },
  ignored() {
    return undefined
  },
}

function check(raw: RawParam, rule: ParamRule, name: string): ParamValue | undefined {
  // The table is indexed by the rule's own kind, which the compiler cannot follow through a union.
  const checkOf = CHECKS[rule.kind] as (raw: RawParam, rule: ParamRule, name: string) => ParamValue | undefined
  return checkOf(raw, rule, name)
}

function integerOf(raw: RawParam, name: string): number {
  if (raw === '') throw emptyParameter(name)
  if (typeof raw === 'string' && /^[+-]?\d{1,15}$/.test(raw)) return Number(raw)
  throw badParameter('parameter_invalid_integer', name, `Invalid integer: ${show(raw)}`)
}

function emptyParameter(name: string): StripeError {
  return badParameter(
    'parameter_invalid_empty',
    name,
    `You passed an empty string for '${name}'. We assume empty values are an attempt to unset a parameter; however '${name}' cannot be unset. You should remove '${name}' from your request or supply a non-empty value.`,
  )
}

function show(raw: RawParam): string {
  return typeof raw === 'string' ? raw : JSON.stringify(raw)
}
