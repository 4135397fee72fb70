import type { StripeSandbox } from '../../src/sandbox/index.ts'
import type { Answered, CallOptions } from './client.ts'
import { call } from './client.ts'

/** The newest version that still takes `payment_method_types`, and the first that does not. */
export const DAHLIA = '2026-08-26.dahlia'
export const ENDIVE = '2026-09-30.endive'
/** The last version whose invoices name their payment intent. */
export const ACACIA = '2025-02-24.acacia'

export const RETURN_URL = 'https://shop.example/back?order=7'

/** A form body; nested names are written out. */
export function form(fields: Readonly<Record<string, string | number | boolean>>): string {
  return new URLSearchParams(
    Object.entries(fields).map(([name, value]): [string, string] => [name, String(value)]),
  ).toString()
}

/** How the customer agreed, and where they come back to. */
export const ACCEPTANCE = {
  return_url: RETURN_URL,
  'mandate_data[customer_acceptance][type]': 'online',
  'mandate_data[customer_acceptance][online][ip_address]': '203.0.113.9',
  'mandate_data[customer_acceptance][online][user_agent]': 'Mozilla/5.0',
} as const

export const KAKAO_PAY = { 'payment_method_data[type]': 'kakao_pay' } as const

/** The parameters of step 1 as the recipe names them, without the types that endive refuses. */
export const SETUP = { ...ACCEPTANCE, ...KAKAO_PAY, confirm: true, usage: 'off_session' } as const

/** A client of one sandbox and one version. */
export class PaymentsClient {
  readonly #sandbox: StripeSandbox
  readonly #version: string

  constructor(sandbox: StripeSandbox, version = ENDIVE) {
    this.#sandbox = sandbox
    this.#version = version
  }

  get(path: string, options: CallOptions = {}): Promise<Answered> {
    return call(this.#sandbox, path, { version: this.#version, ...options })
  }

  post(path: string, fields: Parameters<typeof form>[0], options: CallOptions = {}): Promise<Answered> {
    return call(this.#sandbox, path, { version: this.#version, form: form(fields), ...options })
  }

  async customer(): Promise<string> {
    return (await this.post('/v1/customers', { email: 'minji@example.com', name: '김민지' })).json.id
  }

  async price(fields: Parameters<typeof form>[0] = {}): Promise<string> {
    const usual = { currency: 'krw', unit_amount: 100_000, 'recurring[interval]': 'month' }
    const { json } = await this.post('/v1/prices', { ...usual, 'product_data[name]': '월간 이용권', ...fields })
    return json.id
  }

  /** A customer with an approved Kakao Pay mandate. */
  async approvedCustomer(): Promise<{ customer: string; paymentMethod: string }> {
    const customer = await this.customer()
    const { json } = await this.post('/v1/setup_intents', { ...SETUP, customer })
    this.#sandbox.apply({ type: 'approve', id: json.id })
    return { customer, paymentMethod: json.payment_method }
  }

  /** Step 2 with the recipe's parameters. */
  async subscribe(fields: Parameters<typeof form>[0] = {}, options: CallOptions = {}): Promise<Answered> {
    const { customer, paymentMethod } = await this.approvedCustomer()
    const usual = { customer, 'items[0][price]': await this.price(), off_session: true }
    return this.post('/v1/subscriptions', { ...usual, default_payment_method: paymentMethod, ...fields }, options)
  }

  /** Types of all events so far, oldest first. */
  async eventTypes(): Promise<string[]> {
    const { json } = await this.get('/v1/events?limit=100')
    return json.data.map((event: { type: string }) => event.type).reverse()
  }

  /** The newest event of a type. */
  async event(type: string) {
    return (await this.get(`/v1/events?limit=1&type=${type}`)).json.data[0]
  }
}
