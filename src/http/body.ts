import type { IncomingMessage } from 'node:http'
import { FlowServiceError } from '../errors.ts'
import type { Route } from './route.ts'

/** 1 MB. */
export const MAX_BODY_BYTES = 1_048_576
/** Objects and arrays inside each other. */
export const MAX_BODY_DEPTH = 100

const JSON_TYPES = ['application/json', 'application/json-patch+json']
const FORM_TYPE = 'application/x-www-form-urlencoded'

/**
 * The JSON body of a request, or undefined when the route takes none or none was sent. An object or an array, never a
 * bare value.
 *
 * @throws FlowServiceError 1004-415, 1000-413, 1000-400 or 1405-400, in this order
 */
export async function readJsonBody(request: IncomingMessage, route: Pick<Route, 'body'>): Promise<unknown> {
  if (route.body === undefined) return undefined
  const type = contentTypeOf(request)
  const refusedEvenEmpty = route.body === 'required' && type.name !== ''
  if (type.accepted === 'no' && (refusedEvenEmpty || announcesBody(request))) throw unsupported(type.name)

  const bytes = await readBody(request)
  const text = bytes.length === 0 ? '' : decode(bytes, type)
  if (text.trim() === '') return withoutBody(route)
  const value = parse(text, type)
  if (value === null) return withoutBody(route)
  if (typeof value !== 'object') {
    throw new FlowServiceError('1000-400', 'The request body must be a JSON object or array.')
  }
  return value
}

/** The bytes of the body. Throws 1000-413 without waiting for the end of a body that is too large. */
export async function readBody(request: IncomingMessage): Promise<Buffer> {
  const encoding = request.headers['content-encoding'] ?? 'identity'
  if (encoding.toLowerCase() !== 'identity') {
    throw new FlowServiceError('1004-415', `Content-Encoding "${encoding}" is not supported; send the body as it is.`)
  }
  if (Number(request.headers['content-length'] ?? 0) > MAX_BODY_BYTES) throw tooLarge()
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = []
    let size = 0
    const settle = (act: () => void) => {
      request.off('data', onData).off('end', onEnd).off('error', onError).off('close', onError)
      act()
    }
    const onData = (chunk: Buffer) => {
      size += chunk.length
      if (size > MAX_BODY_BYTES) return settle(() => reject(tooLarge()))
      chunks.push(chunk)
    }
    const onEnd = () => settle(() => resolve(Buffer.concat(chunks)))
    const onError = () =>
      settle(() => reject(new FlowServiceError('1000-400', 'The request ended before its body was complete.')))
    if (request.readableEnded) return resolve(bodyOfParentApp(request))
    request.on('data', onData).on('end', onEnd).on('error', onError).on('close', onError)
  })
}

/** When the host is mounted in an app that has read the body already, Express's convention says where it is. */
function bodyOfParentApp(request: IncomingMessage & { body?: unknown }): Buffer {
  const { body } = request
  if (body === undefined) return Buffer.alloc(0)
  if (Buffer.isBuffer(body)) return body
  return Buffer.from(typeof body === 'string' ? body : JSON.stringify(body))
}

interface ContentType {
  /** Lower case, without parameters; empty when the header is missing. */
  readonly name: string
  readonly charset: string
  /** `ifJson`: only when the body turns out to be JSON; curl and some tutorials name no type or the form type. */
  readonly accepted: 'yes' | 'ifJson' | 'no'
}

function contentTypeOf(request: IncomingMessage): ContentType {
  const [name = '', ...parameters] = (request.headers['content-type'] ?? '').split(';').map((part) => part.trim())
  const type = name.toLowerCase()
  const charset = parameters
    .map((parameter) => /^charset=\s*"?([^"]*)"?$/i.exec(parameter)?.[1])
    .find((value) => value !== undefined)
  const lenient = (type === '' || type === FORM_TYPE) && (request.method === 'POST' || request.method === 'PATCH')
  return {
    name: type,
    charset: charset ?? 'utf-8',
    accepted: JSON_TYPES.includes(type) ? 'yes' : lenient ? 'ifJson' : 'no',
  }
}

function announcesBody(request: IncomingMessage): boolean {
  return request.headers['transfer-encoding'] !== undefined || Number(request.headers['content-length'] ?? 0) > 0
}

function decode(bytes: Buffer, type: ContentType): string {
  const decoder = decoderOf(type.charset)
  try {
    return decoder.decode(bytes)
  } catch {
    throw new FlowServiceError('1000-400', `The request body is not valid ${type.charset.toUpperCase()} text.`)
  }
}

function decoderOf(charset: string) {
  try {
    return new TextDecoder(charset, { fatal: true })
  } catch {
    throw new FlowServiceError('1004-415', `The charset "${charset}" is not known; send the body in UTF-8.`)
  }
}

function parse(text: string, type: ContentType): unknown {
  if (nestsDeeperThan(text, MAX_BODY_DEPTH)) {
    throw new FlowServiceError('1000-400', `The request body is nested deeper than ${MAX_BODY_DEPTH} levels.`)
  }
  const value = parseJson(text, type)
  if (SURROGATE_ESCAPE.test(text) && !isWellFormed(value)) {
    throw new FlowServiceError('1000-400', 'The request body holds half of a surrogate pair, which is no character.')
  }
  return value
}

/** Half of a pair can only come in this way: decoding refuses it. The database would keep it as another text. */
const SURROGATE_ESCAPE = /\\u[dD][89a-fA-F]/

function isWellFormed(value: unknown): boolean {
  if (typeof value === 'string') return value.isWellFormed()
  if (typeof value !== 'object' || value === null) return true
  return Object.entries(value).every(([name, member]) => name.isWellFormed() && isWellFormed(member))
}

function parseJson(text: string, type: ContentType): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (type.accepted === 'ifJson') throw unsupported(type.name)
    const position = /at position \d+|Unexpected end/.exec(error instanceof Error ? error.message : '')?.[0]
    throw new FlowServiceError(
      '1000-400',
      `The request body is not JSON${position === undefined ? '' : ` (${position.toLowerCase()})`}.`,
    )
  }
}

function nestsDeeperThan(text: string, limit: number): boolean {
  let depth = 0
  let inString = false
  for (let index = 0; index < text.length; index++) {
    const character = text[index]
    if (inString) {
      if (character === '\\') index++
      else if (character === '"') inString = false
    } else if (character === '"') inString = true
    else if (character === '{' || character === '[') {
      if (++depth > limit) return true
    } else if (character === '}' || character === ']') depth--
  }
  return false
}

function withoutBody(route: Pick<Route, 'body'>): undefined {
  if (route.body === 'required') {
    throw new FlowServiceError('1405-400', 'The request body is empty; send a JSON document.')
  }
  return undefined
}

function unsupported(type: string): FlowServiceError {
  const found = type === '' ? 'The body has no Content-Type' : `The Content-Type "${type}" is not supported`
  return new FlowServiceError('1004-415', `${found}; send application/json or application/json-patch+json.`)
}

function tooLarge(): FlowServiceError {
  return new FlowServiceError('1000-413', `The request body is larger than ${MAX_BODY_BYTES} bytes.`)
}
