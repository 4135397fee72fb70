/** What is known of a type of notification. */
export interface NotificationRule {
  /** The ids that it must carry, as paths into the body. */
  readonly needs: readonly string[]
  /** Where it names its transaction; absent when it is about none. */
  readonly transaction?: string
  /** There may be several of one transaction, told apart by what stands at these paths. */
  readonly distinguishedBy?: readonly string[]
}

const TRANSACTION = 'transaction.id'
const SUBSCRIPTION = 'subscription.subscription_id'
const USER = 'user.id'

const PAYMENT: NotificationRule = { needs: [TRANSACTION, USER], transaction: TRANSACTION }
/** No ids among them, which may be spelled in two ways. */
const AMOUNTS = ['payment_details', 'purchase.checkout', 'purchase.total', 'refund_details']
/** An order that cost nothing has no transaction. */
const ORDER: NotificationRule = { needs: ['order.id'], transaction: 'billing.transaction.id' }
/** Answered with 204 unless a merchant handles it. */
const OTHER: NotificationRule = { needs: [] }

/** The types that Xsolla documents. */
const RULES: ReadonlyMap<string, NotificationRule> = new Map([
  ['user_validation', { needs: [USER] }],
  ['payment', PAYMENT],
  ['refund', PAYMENT],
  ['partial_refund', { ...PAYMENT, distinguishedBy: AMOUNTS }],
  ['create_subscription', { needs: [SUBSCRIPTION, USER] }],
  ['update_subscription', { needs: [SUBSCRIPTION] }],
  ['cancel_subscription', { needs: [SUBSCRIPTION] }],
  ['non_renewal_subscription', { needs: [SUBSCRIPTION, USER] }],
  ['order_paid', ORDER],
  ['order_canceled', ORDER],
  ['user_search', OTHER],
  ['user_balance_operation', OTHER],
  ['payment_account_add', OTHER],
  ['payment_account_remove', OTHER],
  ['partner_side_catalog', OTHER],
  ['redeem_key', OTHER],
  ['get_pincode', OTHER],
  ['afs_reject', OTHER],
])

/** The type under which notifications of types that nobody knows yet are kept; their bodies name their own. */
export const UNKNOWN_TYPE = 'other'

/** All types under which notifications are kept. */
export const KEPT_TYPES: readonly string[] = [...RULES.keys(), UNKNOWN_TYPE]

/** Null for a type that nobody knows yet. */
export function ruleOf(type: string): NotificationRule | null {
  return RULES.get(type) ?? null
}
