import { createHash } from 'node:crypto'

/** What the page reads of an OpenAPI 3.1 document. */
export interface ApiDescription {
  readonly info: Described & { readonly title: string; readonly version?: string }
  readonly tags?: readonly (Described & { readonly name: string })[]
  readonly paths?: Readonly<Record<string, PathItem>>
  readonly components?: unknown
}

const METHODS = ['get', 'post', 'put', 'patch', 'delete'] as const
type Method = (typeof METHODS)[number]
type PathItem = { readonly [method in Method]?: Operation } & { readonly parameters?: readonly Parameter[] }

interface Described {
  readonly $ref?: string
  readonly summary?: string
  readonly description?: string
}

interface Operation extends Described {
  readonly operationId: string
  readonly tags?: readonly string[]
  readonly security?: readonly unknown[]
  readonly parameters?: readonly Parameter[]
  readonly requestBody?: Message
  readonly responses?: Readonly<Record<string, Message>>
}

interface Entry extends Operation {
  readonly method: Method
  readonly path: string
}

interface Parameter extends Described {
  readonly name: string
  readonly in: string
  readonly required?: boolean
  readonly schema?: Schema
}

interface Message extends Described {
  readonly content?: Readonly<Record<string, Content>>
}

interface Content {
  readonly schema?: Schema
  readonly example?: unknown
  readonly examples?: Readonly<Record<string, Described & { readonly value?: unknown }>>
}

interface Schema extends Described {
  readonly type?: string
  readonly enum?: readonly unknown[]
  readonly default?: unknown
  readonly required?: readonly string[]
  readonly properties?: Readonly<Record<string, Schema>>
}

const STYLE = `
:root { color-scheme: light dark; --line: #8884; --link: light-dark(#0b57d0, #8ab4f8) }
* { box-sizing: border-box }
body { margin: 0; font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
a { color: var(--link) } h3 a { color: inherit; text-decoration: none }
h2 { margin-top: 3rem } h3 { margin: 0; font-size: 1rem } h4 { margin: 1rem 0 .25rem; font-size: .85rem }
nav, main { padding: 1rem } main { max-width: 62rem }
nav a { text-decoration: none } nav ul { margin: 0 0 .75rem; padding: 0; list-style: none; font-size: .85rem }
article { margin: 1.25rem 0; padding: 1rem; border: 1px solid var(--line); border-radius: .5rem }
p { margin: .5rem 0 }
code, pre { font: .85em/1.45 ui-monospace, monospace }
pre { margin: .25rem 0; padding: .75rem; max-height: 26rem; overflow: auto; background: #8881; overflow-wrap: normal }
table { width: 100%; border-collapse: collapse; font-size: .9rem }
th, td { padding: .3rem .75rem .3rem 0; border-top: 1px solid var(--line); text-align: left; vertical-align: top }
th { width: 32%; font-weight: normal } small { opacity: .8 }
.get { color: light-dark(#0b57d0, #8ab4f8) } .post { color: light-dark(#137333, #81c995) }
.put, .patch { color: light-dark(#8a5000, #fdd663) } .delete { color: light-dark(#b3261e, #f28b82) }
@media (max-width: 60rem) { nav ul { display: none } nav b { display: inline-block; margin-right: .75rem } }
@media (min-width: 60rem) {
  body { display: grid; grid-template-columns: 21rem minmax(0, 1fr) }
  nav { position: sticky; top: 0; height: 100vh; overflow: auto; border-right: 1px solid var(--line) }
}`

/** Allows the page's own style and nothing else: no scripts, no assets, no frames. */
export const DOCS_PAGE_POLICY = [
  `default-src 'none'; style-src 'sha256-${createHash('sha256').update(STYLE).digest('base64')}'`,
  `base-uri 'none'; form-action 'none'; frame-ancestors 'none'`,
].join('; ')

/** The description as one HTML page that loads nothing. Nothing on it is folded, so that a browser's search finds it all. */
export function docsPage(api: ApiDescription): string {
  const { info, tags = [], paths = {} } = api
  const entries = Object.entries(paths).flatMap(([path, item]) =>
    METHODS.flatMap((method): Entry[] => {
      const { [method]: operation, parameters = [] } = item
      if (operation === undefined) return []
      return [{ ...operation, parameters: [...parameters, ...(operation.parameters ?? [])], method, path }]
    }),
  )
  // Said once at the top instead of at every operation.
  const common = commonReferences(entries)
  const errors = Map.groupBy(
    entries.flatMap(({ responses = {} }) => Object.entries(responses).filter(isShared)).toSorted(),
    ([, { $ref }]) => $ref,
  )
  const sections = tags.map(({ name, description }) => {
    const own = entries.filter((entry) => entry.tags?.includes(name))
    const links = own.map((entry) => {
      // The base path of the service says nothing under its heading.
      const short = { ...entry, path: entry.path.replace(/^\/data\/foundation\/[^/]+/, '') }
      return `<li><a href="#${escape(entry.operationId)}">${title(short)}</a></li>`
    })
    return {
      link: `<b><a href="#${anchor(name)}">${escape(name)}</a></b><ul>${links.join('')}</ul>`,
      html: `<h2 id="${anchor(name)}">${escape(name)}</h2>${text(description)}${own.map(operationHtml).join('\n')}`,
    }
  })
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escape(info.title)}</title><style>${STYLE}</style></head>
<body><nav>${sections.map(({ link }) => link).join('\n')}<b><a href="#errors">Errors</a></b></nav>
<main><h1>${escape(info.title)} <small>${escape(info.version ?? '')}</small></h1>${text(info.summary)}
<p>For tools: <a href="/openapi.json">openapi.json</a></p>${text(info.description)}
${parametersHtml('Parameters of nearly every call', [...common].map(parameterAt))}
${sections.map(({ html }) => html).join('\n')}
<h2 id="errors">Errors</h2>${[...errors.values()].map(errorHtml).join('\n')}</main></body></html>
`

  function operationHtml(entry: Entry): string {
    const { operationId, summary, description, security, requestBody, parameters = [], responses = {} } = entry
    const own = parameters.filter(({ $ref }) => $ref === undefined || !common.has($ref)).map(resolve)
    const answers = Object.entries(responses)
    const told = answers.filter((answer) => !isShared(answer))
    return `<article id="${escape(operationId)}"><h3><a href="#${escape(operationId)}">${title(entry)}</a></h3>
${text(summary)}${text(description)}${security?.length === 0 ? text('Open to everybody, without headers.') : ''}
${parametersHtml('Parameters', own)}${requestBody ? messageHtml('Body', requestBody, true) : ''}
${told.map(([status, answer]) => messageHtml(`Answer ${status}`, answer)).join('')}
<p><small>${answers.filter(isShared).map(errorLink).join(', ')}</small></p></article>`
  }

  function parametersHtml(heading: string, parameters: readonly Parameter[]): string {
    const rows = parameters.map((parameter) => {
      return rowHtml(parameter.name, parameter.in, parameter.required, parameter.description, parameter.schema)
    })
    return rows.length === 0 ? '' : `<h4>${heading}</h4><table>${rows.join('')}</table>`
  }

  function rowHtml(name: string, place: string, required = false, description = '', schema: Schema = {}): string {
    const { type = '', enum: values = [], default: byDefault } = resolve(schema)
    const notes = [
      place || type,
      required ? '<b>required</b>' : '',
      values.length > 0 ? `one of ${escape(values.join(', '))}` : '',
      byDefault === undefined ? '' : `default ${escape(String(byDefault))}`,
    ].filter((note) => note !== '')
    return `<tr><th><code>${escape(name)}</code><br><small>${notes.join(', ')}</small></th><td>${inline(description)}</td></tr>`
  }

  function messageHtml(heading: string, message: Message, withMembers = false): string {
    const { description, content = {} } = resolve(message)
    const parts = Object.entries(content).map(([type, { schema = {}, example, examples = {} }]) => {
      const { required = [], properties = {} } = resolve(schema)
      const rows = Object.entries(withMembers ? properties : {}).map(([name, member]) => {
        return rowHtml(name, '', required.includes(name), member.description ?? resolve(member).description, member)
      })
      const shown = [...(example === undefined ? [] : [{ value: example }]), ...Object.values(examples)].map(resolve)
      const blocks = shown.map(({ summary, value }) => `${text(summary)}<pre>${escape(pretty(type, value))}</pre>`)
      const table = rows.length === 0 ? '' : `<table>${rows.join('')}</table>`
      return `<p><small><code>${escape(type)}</code></small></p>${table}${blocks.join('')}`
    })
    return `<h4>${heading}</h4>${text(description)}${parts.join('')}`
  }

  /** One error answer under all statuses that it is sent with, and every code of it that the document speaks of. */
  function errorHtml(answers: readonly SharedAnswer[]): string {
    const [[, answer]] = answers as [SharedAnswer]
    const statuses = new Set(answers.map(([status]) => status))
    const hasCode = JSON.stringify(resolve(answer)).includes('errorCode')
    const codes = JSON.stringify(hasCode ? api : resolve(answer)).match(/\b\d{4}-\d{3}\b|(?<=")\d{6}(?=")/g) ?? []
    const own = [...new Set(codes)].filter((code) =>
      statuses.has(code.includes('-') ? code.slice(-3) : code.slice(0, 3)),
    )
    const list = own.toSorted().map((code) => `<code>${code}</code>`)
    return `<article id="${errorAnchor(answer)}">${messageHtml(`${[...statuses].join(', ')} ${nameOf(answer)}`, answer)}
<p>${list.length > 0 ? `Codes: ${list.join(', ')}` : ''}</p></article>`
  }

  function parameterAt($ref: string): Parameter {
    return resolve({ $ref, name: '', in: '' })
  }

  /** Follows references into the document until the thing itself is there. */
  function resolve<Thing extends Described>(thing: Thing): Thing {
    if (thing.$ref === undefined) return thing
    const segments = thing.$ref.slice(2).split('/')
    const found = segments.reduce<unknown>((owner, key) => (owner as Record<string, unknown> | undefined)?.[key], api)
    return found === undefined ? thing : resolve(found as Thing)
  }
}

/** The references of parameters that most operations have. */
function commonReferences(entries: readonly Entry[]): ReadonlySet<string> {
  const references = entries.flatMap(({ parameters = [] }) => parameters.flatMap(({ $ref }) => $ref ?? []))
  return new Set(references.filter((one) => references.filter((other) => other === one).length > entries.length / 2))
}

type SharedAnswer = readonly [status: string, answer: Message]

/** The error answers that several operations share are told once, at the end of the page. */
function isShared([status, { $ref }]: SharedAnswer): boolean {
  return status >= '400' && $ref !== undefined
}

function errorLink([status, answer]: SharedAnswer): string {
  return `<a href="#${errorAnchor(answer)}">${status} ${nameOf(answer)}</a>`
}

function errorAnchor(answer: Message): string {
  return `error-${anchor(nameOf(answer))}`
}

function title({ method, path }: Entry): string {
  return `<b class="${method}">${method.toUpperCase()}</b> <code>${escape(path)}</code>`
}

/** The name of a component in words. */
function nameOf({ $ref = '' }: Described): string {
  return escape($ref.split('/').at(-1) ?? '').replaceAll(/(?<=[a-z])(?=[A-Z])/g, ' ')
}

function anchor(name: string): string {
  return name.toLowerCase().replaceAll(/[^a-z0-9]+/g, '-')
}

function pretty(type: string, value: unknown): string {
  if (typeof value === 'string') return value
  if (type === 'application/x-www-form-urlencoded') return String(new URLSearchParams(value as Record<string, string>))
  return JSON.stringify(value, null, 2)
}

/** The little Markdown that the descriptions use: paragraphs, code and strong words. */
function text(markdown = ''): string {
  const paragraphs = markdown.split(/\n\s*\n/).filter((paragraph) => paragraph.trim() !== '')
  return paragraphs.map((paragraph) => `<p>${inline(paragraph)}</p>`).join('')
}

function inline(markdown: string): string {
  const html = escape(markdown).replaceAll(/`([^`]+)`/g, '<code>$1</code>')
  return html.replaceAll(/\*\*([^*]+)\*\*/g, '<strong>$1</strong>')
}

function escape(plain: string): string {
  return plain.replaceAll(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
