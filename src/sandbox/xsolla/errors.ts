import { randomUUID } from 'node:crypto'

/** A refusal, in the shape of the API family that it comes from. */
export class XsollaError extends Error {
  readonly status: number

  constructor(status: number, message: string) {
    super(message)
    this.name = 'XsollaError'
    this.status = status
  }
}

/** The body of a refusal by an API under `/api/`. */
export function userErrorBody({ status, message }: XsollaError): object {
  return { statusCode: status, errorCode: status * 10 + 1, errorMessage: message, transactionId: randomUUID() }
}

/** The body of a refusal by an API under `/merchant/`. */
export function merchantErrorBody({ status, message }: XsollaError): object {
  return { http_status_code: status, message, extended_message: null, request_id: randomUUID().slice(0, 8) }
}
