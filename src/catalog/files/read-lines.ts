import { createReadStream } from 'node:fs'

const CHUNK_BYTES = 256 * 1024

/** The lines of a text file. Only a line feed ends a line: JSON text may hold every other separator. */
export async function* readLines(file: string): AsyncGenerator<string> {
  let pieces: string[] = []
  for await (const chunk of createReadStream(file, { encoding: 'utf8', highWaterMark: CHUNK_BYTES })) {
    const [first = '', ...rest] = String(chunk).split('\n')
    pieces.push(first)
    for (const piece of rest) {
      yield pieces.join('')
      pieces = [piece]
    }
  }
  const last = pieces.join('')
  if (last !== '') yield last
}
