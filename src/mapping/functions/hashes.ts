import { createHash } from 'node:crypto'
import { ExpressionError } from '../language/errors.ts'
import { optional, parameter } from './function-spec.ts'
import type { FunctionSpec } from './function-spec.ts'

const PARAMETERS = [
  parameter('input', 'text', 'The text.'),
  optional('charset', 'text', 'UTF-8 (default), UTF-16, ISO-8859-1 or US-ASCII.'),
]

const hash = (name: string, title: string, result: string): FunctionSpec => ({
  name,
  category: 'Hashing',
  description: `Computes the ${title} hash of a text.`,
  params: PARAMETERS,
  returns: 'The hash in lower-case hex digits.',
  returnType: 'String',
  example: `${name}("my text", "UTF-8")`,
  result: JSON.stringify(result),
  call: ([input, charset]) =>
    createHash(name)
      .update(encode(String(input), charset ?? 'UTF-8'))
      .digest('hex'),
})

export const HASH_FUNCTIONS: readonly FunctionSpec[] = [
  hash('sha1', 'SHA-1', 'c3599c11e47719df18a2448690840c5dfcce3c80'),
  hash('sha256', 'SHA-256', '7330d2b39ca35eaf4cb95fc846c21ee6a39af698154a83a586ee270a0d372104'),
  hash(
    'sha512',
    'SHA-512',
    'a3d7e45a0d9be5fd4e4b9a3b8c9c2163c21ef708bf11b4232bb21d2a8704ada2cdcd7b367dd0788a89a5c908cfe377aceb1072a7b386b7d4fd2ff68a8fd24d16',
  ),
  hash('md5', 'MD5', 'd3b96ce8c9fb4e9bd0198d03ba6852c7'),
]

/** As Java encodes: UTF-16 is big-endian with a byte order mark, and what ASCII does not have becomes a question mark. */
function encode(text: string, charset: unknown): Buffer {
  switch (String(charset).toUpperCase()) {
    case 'UTF-8':
      return Buffer.from(text, 'utf8')
    case 'UTF-16':
      return Buffer.from(`\ufeff${text}`, 'utf16le').swap16()
    case 'ISO-8859-1':
      return Buffer.from(text.replaceAll(/[^\0-\xff]/g, '?'), 'latin1')
    case 'US-ASCII':
      return Buffer.from(text.replaceAll(/[^\0-\x7f]/g, '?'), 'latin1')
    default:
      throw new ExpressionError(`the character set ${JSON.stringify(String(charset).slice(0, 40))} is not known`)
  }
}
