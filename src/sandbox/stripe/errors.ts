import type { JsonHash } from './types.ts'

export interface StripeErrorFields {
  readonly type?: string
  readonly code?: string
  readonly param?: string
  /** Further members of the error, such as the `setup_intent` it is about. */
  readonly about?: JsonHash
}

/** The only error that handlers throw at a client: it becomes the documented error envelope. */
export class StripeError extends Error {
  readonly status: number
  readonly fields: StripeErrorFields
  readonly headers: Readonly<Record<string, string>>

  constructor(
    status: number,
    message: string,
    fields: StripeErrorFields = {},
    headers: Readonly<Record<string, string>> = {},
  ) {
    super(message)
    this.name = 'StripeError'
    this.status = status
    this.fields = fields
    this.headers = headers
  }

  body(): JsonHash {
    const { type = 'invalid_request_error', code, param, about } = this.fields
    return {
      error: {
        ...(code === undefined
          ? {}
          : { code, doc_url: `https://stripe.com/docs/error-codes/${code.replaceAll('_', '-')}` }),
        message: this.message,
        ...(param === undefined ? {} : { param }),
        type,
        ...about,
      },
    }
  }
}

export function badParameter(code: string, param: string, message: string): StripeError {
  return new StripeError(400, message, { code, param })
}

/** An id that is not there: 404 when it stands in the path, 400 when it is the value of a parameter. */
export function missingResource(
  kind: string,
  id: string,
  param: string,
  hint = '',
  status = param === 'id' ? 404 : 400,
): StripeError {
  const words = kind.replaceAll('_', ' ')
  return new StripeError(status, `No such ${words}: '${id}'${hint}`, {
    code: 'resource_missing',
    param,
  })
}

export function unknownUrl(method: string, path: string): StripeError {
  return new StripeError(
    404,
    `Unrecognized request URL (${method}: ${path}). Please see https://stripe.com/docs or we can help at https://support.stripe.com/.`,
  )
}

/** OAuth has an envelope of its own: `{"error": "invalid_grant", "error_description": "…"}`. */
export class OAuthError extends Error {
  readonly status: number
  readonly code: string

  constructor(status: number, code: string, description: string) {
    super(description)
    this.name = 'OAuthError'
    this.status = status
    this.code = code
  }

  body(): JsonHash {
    return { error: this.code, error_description: this.message }
  }
}
