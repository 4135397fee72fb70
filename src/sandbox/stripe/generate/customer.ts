import { Dice } from '../dice.ts'
import { base62 } from '../ids.ts'
import type { Plan } from '../plan.ts'
import type { StripeObject } from '../types.ts'
import { pickAddress, pickMetadata, pickName } from './words.ts'

export function generateCustomer(plan: Plan, index: number): StripeObject {
  const id = plan.ids.customers.encode(index)
  if (plan.isCustomerDeleted(index)) return { id, object: 'customer', deleted: true }
  const dice = new Dice(plan.keys.customers, index)
  const name = pickName(dice)
  return {
    id,
    object: 'customer',
    address: dice.chance(40) ? pickAddress(dice) : null,
    balance: dice.chance(5) ? -dice.below(5000) : 0,
    created: plan.timelines.customers.createdAt(index),
    currency: dice.chance(60) ? 'usd' : null,
    default_source: null,
    delinquent: dice.chance(4),
    description: dice.chance(20) ? `Customer ${name} (${dice.pick(['trade', 'retail'])})` : null,
    discount: null,
    email: dice.chance(90) ? `customer${index % 5 === 0 ? dice.below(50) : dice.next()}@example.com` : null,
    invoice_prefix: base62(dice.next(), 5).toUpperCase() + '7A',
    invoice_settings: { custom_fields: null, default_payment_method: null, footer: null, rendering_options: null },
    livemode: plan.livemode,
    metadata: pickMetadata(dice),
    name,
    next_invoice_sequence: 1 + dice.below(40),
    phone: dice.chance(30) ? `+4930${1_000_000 + dice.below(8_999_999)}` : null,
    preferred_locales: dice.chance(20) ? ['de', 'en'] : [],
    shipping: dice.chance(15) ? { address: pickAddress(dice), name, phone: null } : null,
    tax_exempt: dice.chance(3) ? 'exempt' : 'none',
    test_clock: plan.isCustomerOnTestClock(index) ? plan.ids.testClocks.encode(index % 3) : null,
  }
}
