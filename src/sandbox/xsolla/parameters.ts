import { XsollaError } from './errors.ts'

/** An integer query parameter. Throws a 422 for anything else than one of at least `least`. */
export function integerOf(query: URLSearchParams, name: string, least: number, fallback?: number): number {
  const text = query.get(name)
  if (text === null && fallback !== undefined) return fallback
  if (text === null) throw new XsollaError(422, `The parameter ${name} is required.`)
  if (!/^\d{1,9}$/.test(text) || Number(text) < least) {
    throw new XsollaError(422, `The parameter ${name} must be an integer of at least ${least}.`)
  }
  return Number(text)
}

/** A parameter that may be repeated, as `name[]=a&name[]=b` or `name[0]=a`; null when it is absent. */
export function listOf(query: URLSearchParams, name: string): readonly string[] | null {
  const values = [...query].filter(([key]) => key.startsWith(`${name}[`) && key.endsWith(']')).map(([, value]) => value)
  return values.length === 0 ? null : values
}
