import type { Answer } from './answer.ts'
import { errorAnswer } from './answer.ts'
import { StripeError } from './errors.ts'
import type { Fault } from './faults.ts'
import { adviceHeaders, lockTimeout, rateLimited } from './limits.ts'

const BAD_GATEWAY =
  '<html>\n<head><title>502 Bad Gateway</title></head>\n<body>\n<center><h1>502 Bad Gateway</h1></center>\n</body>\n</html>\n'

const MESSAGES: Readonly<Record<number, { message: string; type: string; code?: string }>> = {
  409: { message: 'The request conflicts with another request.', type: 'invalid_request_error' },
  424: { message: 'A dependency outside of Stripe failed to answer.', type: 'api_error' },
  500: { message: 'An unknown error occurred', type: 'api_error' },
  503: { message: 'The service is temporarily unavailable.', type: 'api_error' },
  504: { message: 'The request took too long.', type: 'api_error' },
}

/** The answer of a scripted status. */
export function statusAnswer(fault: Extract<Fault, { kind: 'status' }>): Answer {
  const headers = adviceHeaders(fault.shouldRetry, fault.retryAfter)
  if (fault.html ?? fault.status === 502) {
    return { status: fault.status, body: BAD_GATEWAY, headers: { ...headers, 'Content-Type': 'text/html' } }
  }
  const answer = errorAnswer(errorOf(fault))
  return { ...answer, headers: { ...answer.headers, ...headers } }
}

function errorOf(fault: Extract<Fault, { kind: 'status' }>): StripeError {
  if (fault.status === 429) {
    if (fault.reason !== undefined) return rateLimited(fault.reason)
    if (fault.code === undefined || fault.code === 'lock_timeout') return lockTimeout()
  }
  const known = MESSAGES[fault.status]
  const code = fault.code ?? known?.code
  return new StripeError(fault.status, fault.message ?? known?.message ?? 'The request was refused by a script.', {
    type: known?.type ?? 'invalid_request_error',
    ...(code === undefined ? {} : { code }),
  })
}
