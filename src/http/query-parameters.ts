const TEMPLATE = /^\s*\{\{.*\}\}\s*$/

/**
 * The query parameters of a request target, each with all its values. A value that is empty, or a template that a client
 * left unfilled (`{{name}}`), counts as absent.
 */
export function parseQuery(target: string): Readonly<Record<string, readonly string[]>> {
  const query: Record<string, string[]> = Object.create(null)
  const start = target.indexOf('?')
  if (start === -1) return query
  for (const [name, value] of new URLSearchParams(target.slice(start + 1))) {
    if (value === '' || TEMPLATE.test(value)) continue
    ;(query[name] ??= []).push(value)
  }
  return query
}
