import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'

/** What the placeholders of a template stand for. */
export interface Substitution {
  /** By parameter name: a source connection's parameters and the auth parameters. */
  readonly values: JsonObject
  /** Stands for `{SCHEDULE_QUERY}`; null when the spec has none. */
  readonly scheduleQuery: string | null
}

/** A placeholder has no value. */
export class MissingParameterError extends Error {
  readonly parameter: string

  constructor(parameter: string) {
    super(`The parameter ${parameter} is needed and has no value.`)
    this.name = 'MissingParameterError'
    this.parameter = parameter
  }
}

export const SCHEDULE_QUERY = '{SCHEDULE_QUERY}'
const PLACEHOLDER = /\$\{([^${}]+)\}/g
const ONE_PLACEHOLDER = /^\$\{([^${}]+)\}$/

/** The parameters that the strings of a template name, at any depth. */
export function parametersOf(template: JsonValue | undefined): readonly string[] {
  if (typeof template === 'string') return [...template.matchAll(PLACEHOLDER)].map(([, name]) => name ?? '')
  if (Array.isArray(template)) return template.flatMap((entry: JsonValue) => parametersOf(entry))
  return isJsonObject(template) ? Object.values(template).flatMap(parametersOf) : []
}

/** True when a string of the template holds `{SCHEDULE_QUERY}`, at any depth. */
export function hasScheduleQuery(template: JsonValue | undefined): boolean {
  return template !== undefined && JSON.stringify(template).includes(SCHEDULE_QUERY)
}

/** Fills a text. Throws `MissingParameterError`. */
export function fillText(
  template: string,
  { values, scheduleQuery }: Substitution,
  encode: (value: string, name: string) => string = (value) => value,
): string {
  const withSchedule = template.split(SCHEDULE_QUERY)
  return withSchedule
    .map((part) => part.replaceAll(PLACEHOLDER, (_, name: string) => encode(String(valueOf(values, name)), name)))
    .join(scheduleQuery ?? SCHEDULE_QUERY)
}

/** Fills a text that may be left out: undefined when one of its parameters has no value. */
export function fillOptional(template: string, substitution: Substitution): string | undefined {
  try {
    return fillText(template, substitution)
  } catch (error) {
    if (error instanceof MissingParameterError) return undefined
    throw error
  }
}

/**
 * Fills the strings of a JSON value. A string that is one placeholder takes the parameter's own type; what names a
 * parameter without a value is left out.
 */
export function fillJson(template: JsonValue, substitution: Substitution): JsonValue | undefined {
  if (typeof template === 'string') {
    const [, name] = ONE_PLACEHOLDER.exec(template) ?? []
    if (name === undefined) return fillOptional(template, substitution)
    return Object.hasOwn(substitution.values, name) ? substitution.values[name] : undefined
  }
  if (Array.isArray(template)) {
    const entries: readonly JsonValue[] = template
    return entries.map((entry) => fillJson(entry, substitution)).filter((entry) => entry !== undefined)
  }
  if (!isJsonObject(template)) return template
  const members = Object.entries(template).map(([name, value]) => [
    name,
    value === undefined ? undefined : fillJson(value, substitution),
  ])
  return Object.fromEntries(members.filter(([, value]) => value !== undefined)) as JsonObject
}

function valueOf(values: JsonObject, name: string): string | number | boolean {
  const value = Object.hasOwn(values, name) ? values[name] : undefined
  const isScalar = typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
  if (!isScalar || value === '') throw new MissingParameterError(name)
  return value
}
