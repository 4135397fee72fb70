/** What a server sends back. */
export interface Answer {
  readonly status: number
  /** Names in lower case. */
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
}

export interface ErrorMembers {
  readonly type?: string
  readonly code?: string
  readonly param?: string
  readonly message: string
}

export function jsonAnswer(status: number, body: string, headers: Readonly<Record<string, string>> = {}): Answer {
  return { status, headers: { 'content-type': 'application/json', 'request-id': 'req_simulated', ...headers }, body }
}

export function errorAnswer(status: number, error: ErrorMembers, headers?: Readonly<Record<string, string>>): Answer {
  return jsonAnswer(status, JSON.stringify({ error: { type: 'invalid_request_error', ...error } }), headers)
}
