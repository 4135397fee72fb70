import { isoDate, type Subscription } from './subscription.ts'

export const NOTIFICATION_TYPES = [
  'user_validation',
  'payment',
  'create_subscription',
  'update_subscription',
  'cancel_subscription',
  'non_renewal_subscription',
  'refund',
  'partial_refund',
  'order_paid',
  'order_canceled',
  'user_search',
  'user_balance_operation',
  'payment_account_add',
  'payment_account_remove',
  'partner_side_catalog',
  'redeem_key',
  'get_pincode',
  'afs_reject',
] as const
export type NotificationType = (typeof NOTIFICATION_TYPES)[number]

/** How `subscription_id` is written: the documents say integer, their samples show strings. */
export type IdSpelling = 'integer' | 'string'

export interface NotificationRequest {
  readonly type: NotificationType
  readonly subscription: Subscription
  readonly merchantId: number
  /** Integer in Xsolla's documents. */
  readonly transactionId: number
  readonly idSpelling: IdSpelling
  /** Marks a test payment; absent otherwise. */
  readonly isDryRun: boolean
  /** Of a refund, 1..13. */
  readonly refundCode: number
  /** Unix seconds. */
  readonly now: number
}

/** The body of a notification. */
export function notificationBody(request: NotificationRequest): object {
  const { type, subscription, merchantId } = request
  return {
    notification_type: type,
    settings: { project_id: subscription.projectId, merchant_id: merchantId },
    ...BODIES[type](request),
  }
}

type Body = (request: NotificationRequest) => object

const user: Body = ({ subscription }) => ({
  user: {
    id: subscription.userId,
    ip: '203.0.113.7',
    phone: null,
    email: `${subscription.userId}@players.test`,
    name: subscription.userId,
    country: 'US',
  },
})

const payment: Body = (request) => ({
  purchase: {
    subscription: {
      ...reference(request),
      date_create: isoDate(request.subscription.createdAt),
      date_next_charge: dateOrNull(request.subscription.nextChargeAt),
      currency: request.subscription.currency,
      amount: money(request).amount,
    },
    checkout: money(request),
    total: money(request),
  },
  ...user(request),
  transaction: {
    id: request.transactionId,
    external_id: null,
    payment_date: isoDate(request.now),
    payment_method: 1380,
    agreement: request.subscription.id,
    ...(request.isDryRun ? { dry_run: 1 } : {}),
  },
  payment_details: {
    payment: money(request),
    payment_method_sum: money(request),
    xsolla_balance_sum: money(request, 0),
    payout: money(request, 0.9),
    vat: money(request, 0),
    sales_tax: money(request, 0),
    xsolla_fee: money(request, 0.05),
    payment_method_fee: money(request, 0.05),
  },
  custom_parameters: {},
})

const refund: Body = (request) => ({
  ...payment(request),
  refund_details: { code: request.refundCode, reason: 'Refund' },
})

const order: Body = (request) => ({
  items: [{ sku: 'battle-pass', type: 'virtual_good', is_pre_order: false, quantity: 1, amount: '4.99' }],
  order: {
    id: request.transactionId,
    mode: request.isDryRun ? 'sandbox' : 'default',
    currency_type: 'real',
    currency: request.subscription.currency,
    amount: '4.99',
    status: request.type === 'order_paid' ? 'paid' : 'canceled',
    platform: 'xsolla',
    invoice_id: String(request.transactionId),
  },
  ...user(request),
  billing: { notification_type: request.type === 'order_paid' ? 'payment' : 'refund', ...payment(request) },
})

/** What is answered with 204 unless a merchant handles it. */
const other: Body = (request) => user(request)

const BODIES: Readonly<Record<NotificationType, Body>> = {
  user_validation: user,
  payment,
  create_subscription: (request) => ({
    user: { id: request.subscription.userId, name: request.subscription.userId },
    subscription: {
      ...reference(request),
      date_create: isoDate(request.subscription.createdAt),
      date_next_charge: dateOrNull(request.subscription.nextChargeAt),
      trial: { value: request.subscription.isTrial ? 7 : 0, type: 'day' },
    },
    custom_parameters: {},
  }),
  update_subscription: (request) => ({
    user: { id: request.subscription.userId, name: request.subscription.userId },
    subscription: { ...reference(request), date_next_charge: dateOrNull(request.subscription.nextChargeAt) },
    custom_parameters: {},
  }),
  cancel_subscription: (request) => ({
    user: { id: request.subscription.userId, name: request.subscription.userId },
    subscription: {
      ...reference(request),
      date_create: isoDate(request.subscription.createdAt),
      date_end: dateOrNull(request.subscription.endsAt),
    },
    custom_parameters: {},
  }),
  non_renewal_subscription: (request) => ({
    user: { id: request.subscription.userId, name: request.subscription.userId, email: null },
    subscription: {
      plan_id: reference(request).plan_id,
      subscription_id: reference(request).subscription_id,
      date_create: isoDate(request.subscription.createdAt),
      date_next_charge: dateOrNull(request.subscription.nextChargeAt),
      currency: request.subscription.currency,
      amount: money(request).amount,
    },
    custom_parameters: {},
  }),
  refund,
  partial_refund: refund,
  order_paid: order,
  order_canceled: order,
  user_search: other,
  user_balance_operation: other,
  payment_account_add: other,
  payment_account_remove: other,
  partner_side_catalog: other,
  redeem_key: other,
  get_pincode: other,
  afs_reject: other,
}

function reference({ subscription, idSpelling }: NotificationRequest) {
  const { id, planId, planExternalId, productId } = subscription
  return {
    plan_id: planExternalId ?? String(planId),
    tags: [] as string[],
    subscription_id: idSpelling === 'integer' ? id : String(id),
    product_id: productId === null ? null : `product-${productId}`,
  }
}

function money({ subscription }: NotificationRequest, share = 1): { currency: string; amount: number } {
  return { currency: subscription.currency, amount: Math.round((subscription.amount / 100) * share) / 100 }
}

function dateOrNull(seconds: number | null): string | null {
  return seconds === null ? null : isoDate(seconds)
}
