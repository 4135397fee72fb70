import type { ServerResponse } from 'node:http'
import type { Answer } from './answer.ts'

/** Writes a whole answer. */
export function sendAnswer(response: ServerResponse, answer: Answer, headers: Readonly<Record<string, string>>): void {
  response.writeHead(answer.status, {
    'Content-Type': 'application/json',
    'Content-Length': Buffer.byteLength(answer.body),
    ...headers,
    ...answer.headers,
  })
  response.end(answer.body)
}
