import type { JsonObject } from '../json.ts'
import type { PluginContext } from './plugin.ts'

/**
 * The optional part of a source plugin that sets up subscriptions: the customer approves a payment method on a page of its
 * provider, then the subscription is made. The plugin says what comes next and makes one request per call; the host keeps
 * every call before it is sent, repeats it after failures and waits in between, so that a set-up survives any crash.
 *
 * - set-up: one customer, one price, one payment method; ends with one subscription or with none
 * - facts: what is known of a set-up at the source
 * - call: a write, with the idempotency key under which the source does it once
 * - move: what comes next, decided from the facts alone
 */
export interface SubscriptionSetups {
  /** By the source's name of the payment method, for example `kakao_pay`. */
  readonly paymentMethods: Readonly<Record<string, PaymentMethodRules>>
  /** The version of the source's API that a set-up uses unless it names one. */
  readonly defaultApiVersion: string
  /** Makes no request by itself. `auth` are the connection's auth parameters, secrets included. */
  connect(auth: JsonObject, apiVersion: string, context: PluginContext): SubscriptionSetupSource
}

export interface PaymentMethodRules {
  /** Three letters, lower case: the one currency that it pays in. */
  readonly currency: string
  /** The least amount, in the currency's smallest unit. */
  readonly minimumAmount: number
}

export const SETUP_INTERVALS = ['day', 'week', 'month', 'year'] as const
export type SetupInterval = (typeof SETUP_INTERVALS)[number]

/** What a caller asks for, checked. */
export interface SetupRequest {
  readonly customer: SetupCustomer
  readonly price: SetupPrice
  readonly paymentMethod: string
  /** Where the provider's page sends the customer's browser, http or https. */
  readonly returnUrl: string
  /** The customer's, for the mandate. */
  readonly ipAddress: string
  /** The customer's browser, for the mandate. */
  readonly userAgent: string
}

export type SetupCustomer = { readonly id: string } | { readonly email: string; readonly name?: string }

export type SetupPrice =
  | { readonly id: string }
  | {
      /** In the currency's smallest unit. */
      readonly amount: number
      readonly currency: string
      readonly interval: SetupInterval
      readonly productName?: string
    }

/** What is known of a set-up at the source. Never holds a secret of the source's. */
export interface SetupFacts {
  readonly customerId?: string
  readonly priceId?: string
  readonly setupIntent?: {
    readonly id: string
    readonly status: string
    readonly redirectUrl: string | null
    readonly paymentMethodId: string | null
    readonly error: SetupFault | null
  }
  readonly subscription?: {
    readonly id: string
    readonly status: string
    readonly invoiceId: string | null
    readonly paymentIntentId: string | null
  }
  /** Of the first invoice, when that was not paid at once. */
  readonly payment?: {
    readonly id: string
    readonly status: string
    readonly redirectUrl: string | null
    readonly error: SetupFault | null
    /** The customer has been asked to approve it. */
    readonly isAsked: boolean
  }
}

export interface SetupFault {
  /** The source's, for example `payment_method_customer_decline`. */
  readonly code: string
  readonly message: string
}

/** A set-up as the plugin sees it. */
export interface Setup {
  readonly id: string
  readonly request: SetupRequest
  readonly facts: SetupFacts
  /** Its time is over: nothing that the customer has not seen may be begun any more. */
  readonly isOverdue: boolean
}

export type SetupMove =
  /** Send this write; the host adds the idempotency key. */
  | { readonly kind: 'call'; readonly step: string; readonly path: string; readonly parameters: JsonObject }
  /** The facts do not tell enough: read them anew. */
  | { readonly kind: 'read' }
  /** Somebody else is on: read the facts anew after a pause. With a URL it is the customer, who is to be sent there. */
  | { readonly kind: 'wait'; readonly redirectUrl: string | null }
  | { readonly kind: 'active' }
  | { readonly kind: 'failed'; readonly fault: SetupFault }
  | { readonly kind: 'expired' }

/** A write as it is kept before it is sent. */
export interface SetupCall {
  readonly step: string
  readonly path: string
  readonly parameters: JsonObject
  readonly idempotencyKey: string
}

/**
 * One account of the source, for one set-up. What makes requests throws `RetriableSourceError` (the same again later),
 * `FatalSourceError` (the credential is refused or lacks a permission), `SetupRefusedError` (the set-up has failed) or the
 * reason of an aborted signal.
 */
export interface SubscriptionSetupSource {
  /**
   * Looks at what a request names, by reading only, before the set-up is stored. Resolves with the facts that it starts
   * with; throws `SetupRequestError` when the request cannot be fulfilled.
   */
  prepare(request: SetupRequest, signal: AbortSignal): Promise<SetupFacts>
  /** Decides what comes next; asks nobody. */
  next(setup: Setup): SetupMove
  /** Sends a call, once more when need be. Throws `SpentCallError` when its key can bring no result any more. */
  perform(call: SetupCall, facts: SetupFacts, signal: AbortSignal): Promise<SetupFacts>
  /** The facts as they are now. */
  read(facts: SetupFacts, signal: AbortSignal): Promise<SetupFacts>
  /**
   * Finds out by reading what a call has brought about that cannot be repeated under its key. Resolves with the facts as
   * they were when it brought nothing about.
   */
  find(call: SetupCall, setup: Setup, signal: AbortSignal): Promise<SetupFacts>
}

/** The request asks for something that the source does not have or the payment method cannot pay. */
export class SetupRequestError extends Error {
  /** JSON Pointer of the member of the request. */
  readonly path: string

  constructor(path: string, message: string) {
    super(message)
    this.name = 'SetupRequestError'
    this.path = path
  }
}

/** The source refused a step for good. */
export class SetupRefusedError extends Error {
  /** The source's code, else its type of the error. */
  readonly code: string

  constructor(code: string, message: string) {
    super(message)
    this.name = 'SetupRefusedError'
    this.code = code
  }
}

/** The source keeps a failure of its own under the key of a call: what the call brought about must be found by reading. */
export class SpentCallError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'SpentCallError'
  }
}
