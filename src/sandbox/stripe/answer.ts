import { OAuthError, StripeError } from './errors.ts'

/** What goes back over the wire, before faults spoil it. */
export interface Answer {
  readonly status: number
  readonly body: string | Buffer
  readonly headers: Readonly<Record<string, string>>
}

/** Turns whatever a handler threw into an answer. */
export function errorAnswer(error: unknown): Answer {
  if (error instanceof StripeError) {
    return { status: error.status, body: JSON.stringify(error.body()), headers: error.headers }
  }
  if (error instanceof OAuthError) return { status: error.status, body: JSON.stringify(error.body()), headers: {} }
  const message = error instanceof Error ? error.message : String(error)
  return { status: 500, body: JSON.stringify({ error: { message, type: 'api_error' } }), headers: {} }
}
