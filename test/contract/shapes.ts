import { expect } from '@jest/globals'
import type { Response } from 'supertest'
import type { ErrorCode } from '../../src/errors.ts'

export const UUID = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/
/** An etag holds its own double quotes. */
export const ETAG = /^"[0-9a-f]{8}-0000-0200-0000-[0-9a-f]{12}"$/

/** What a test reads of an answer. supertest's `Response` is one. */
export interface Answer {
  readonly status: number
  readonly headers: Readonly<Record<string, unknown>>
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  readonly body: any
}

export interface ExpectedProblem {
  readonly code: ErrorCode
  /** Codes of the sources service are `CONNECTOR`'s. */
  readonly prefix?: 'FLOW' | 'CONNECTOR'
  readonly title?: string
  /** The whole text, where the contract fixes it. */
  readonly detail?: string
  /** `prod` of ACME unless told otherwise; empty when the call failed before its tenant was known. */
  readonly tenantInfo?: object
  /** Paths of all faults of the body, in order; absent when the fault is none of the body. */
  readonly errors?: readonly string[]
}

/** The tenant of `host.api`. */
export const ACME_PROD = {
  sandboxName: 'prod',
  sandboxId: expect.stringMatching(UUID),
  imsOrgId: 'ACME000000000000000000@AdobeOrg',
}

/** The whole body of a service error: contract, section 7.2. */
export function expectProblem(answer: Answer, expected: ExpectedProblem): void {
  const { code, prefix = 'FLOW', title, detail, tenantInfo = ACME_PROD, errors } = expected
  const status = Number(code.slice(-3))
  expect([answer.status, answer.body.errorCode]).toEqual([status, code])
  expect(answer.headers['content-type']).toMatch(/^application\/json\b/)
  const told = detail ?? answer.body.detail
  expect(told).toEqual(expect.stringMatching(/\S/))
  expect(answer.body).toEqual({
    type: `http://ns.adobe.com/aep/errors/${prefix}-${code}`,
    errorCode: code,
    title: title ?? expect.stringMatching(/\S/),
    status,
    detail: told,
    message: told,
    errorMessage: told,
    errorDetails: told,
    report: {
      requestId: answer.headers['x-request-id'],
      tenantInfo,
      ...(errors === undefined ? {} : { errors: errors.map((path) => ({ path, message: expect.any(String) })) }),
    },
  })
  if (errors !== undefined) expect(answer.body.report.errors[0].message).toBe(told)
}

/** An addressed entity that the caller's tenant does not have. */
export function expectNotFound(answer: Answer, collection: string, id: string, tenantInfo: object = ACME_PROD): void {
  const detail = `${collection} not found with id = [${id}]`
  expectProblem(answer, { code: '1101-404', title: 'Resource not found', detail, tenantInfo })
}

/** `{id, etag}` and nothing else, the etag in the header as well. */
export function expectReceipt({ status, headers, body }: Response, id?: string): void {
  expect([status, body]).toEqual([200, { id: id ?? expect.stringMatching(UUID), etag: expect.stringMatching(ETAG) }])
  expect(headers['etag']).toBe(body.etag)
}

/** One page with everything of a list on it. */
export function expectList({ status, body }: Response, ids: readonly string[]): void {
  expect([status, Object.keys(body)]).toEqual([200, ['items', '_links']])
  expect(body._links).toEqual({})
  expect(body.items.map(({ id }: { id: string }) => id)).toEqual(expect.arrayContaining([...ids]))
}
