import { STATUS_CODES } from 'node:http'
import type { Socket } from 'node:net'
import { randomUUID } from 'node:crypto'
import { FlowServiceError } from '../errors.ts'
import { problemResponse } from './problem.ts'

/** Answers what is not HTTP: Node's parser gave up, so there is no request and no response object. */
export function answerBadRequest(
  error: Error & { code?: string },
  socket: Pick<Socket, 'writable' | 'end' | 'destroy'>,
): void {
  if (!socket.writable || error.code === 'ECONNRESET') {
    socket.destroy()
    return
  }
  const requestId = randomUUID()
  const problem = new FlowServiceError('1000-400', detailOf(error.code))
  const { status, body } = problemResponse(problem, { requestId, tenant: undefined })
  const text = JSON.stringify(body)
  const head = [
    `HTTP/1.1 ${status} ${STATUS_CODES[status]}`,
    'Content-Type: application/json',
    `Content-Length: ${Buffer.byteLength(text)}`,
    `x-request-id: ${requestId}`,
    'Connection: close',
  ]
  socket.end(`${head.join('\r\n')}\r\n\r\n${text}`)
}

function detailOf(code: string | undefined): string {
  if (code === 'HPE_HEADER_OVERFLOW')
    return 'The request line and headers are too long; shorten the URL or the headers.'
  if (code === 'ERR_HTTP_REQUEST_TIMEOUT') return 'The request did not arrive in time.'
  return 'The request is not valid HTTP.'
}
