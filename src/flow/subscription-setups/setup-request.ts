import { isIP } from 'node:net'
import { FlowServiceError } from '../../errors.ts'
import type { JsonObject, JsonValue } from '../../json.ts'
import { isJsonObject } from '../../json.ts'
import {
  SETUP_INTERVALS,
  type PaymentMethodRules,
  type SetupCustomer,
  type SetupPrice,
  type SubscriptionSetups,
} from '../../plugins/subscription-setup.ts'
import { Faults, parseBodyObject, readMember, readText, typeName } from '../../request-body.ts'
import { short } from '../entity.ts'
import type { SetupOrder } from './setup-progress.ts'

const LONGEST_EMAIL = 512
const LONGEST_NAME = 250
const LONGEST_URL = 2048
const LONGEST_USER_AGENT = 1024

const CUSTOMER_ID = /^cus_[A-Za-z0-9]{1,200}$/
const PRICE_ID = /^[A-Za-z0-9_.-]{1,200}$/
/** As much as can be told without asking: one @ between two parts without spaces, with a domain that has a dot. */
const EMAIL = /^[^\s@\p{Cc}]+@[^\s@\p{Cc}]+\.[^\s@.\p{Cc}]+$/u
const API_VERSION = /^[0-9]{4}-[0-9]{2}-[0-9]{2}(\.[a-z]+)?$/

/** Reads the body of a new set-up; 1405-400, 1000-400, 1304-400 or 1312-400 with every fault when it is not right. */
export function parseSetupRequest(
  body: unknown,
  { paymentMethods, defaultApiVersion }: Pick<SubscriptionSetups, 'paymentMethods' | 'defaultApiVersion'>,
): SetupOrder {
  if (body === undefined) throw new FlowServiceError('1405-400', 'The request body is empty; send a JSON document.')
  const owner = parseBodyObject(body)
  const faults = new Faults()
  const paymentMethod = readPaymentMethod(faults, owner, paymentMethods)
  const rules = paymentMethods[paymentMethod]
  const customer = readCustomer(faults, owner)
  const price = readPrice(faults, owner, rules)
  const returnUrl = readUrl(faults, owner, '/returnUrl')
  const ipAddress = readIpAddress(faults, owner, '/ipAddress')
  const userAgent = readPlainText(faults, owner, '/userAgent', LONGEST_USER_AGENT, 'always') ?? ''
  const apiVersion = readApiVersion(faults, owner) ?? defaultApiVersion
  faults.throwIfAny()
  return { request: { customer, price, paymentMethod, returnUrl, ipAddress, userAgent }, apiVersion }
}

function readPaymentMethod(faults: Faults, owner: JsonObject, known: SubscriptionSetups['paymentMethods']): string {
  const found = readText(faults, owner, '/paymentMethod', 'always')
  if (found === undefined || Object.hasOwn(known, found)) return found ?? ''
  const names = Object.keys(known).join(', ')
  faults.invalid('/paymentMethod', `/paymentMethod "${short(found)}" cannot be set up here; give ${names}.`)
  return ''
}

function readCustomer(faults: Faults, owner: JsonObject): SetupCustomer {
  const path = '/customer'
  const value = readMember(owner, 'customer')
  if (isJsonObject(value)) {
    const email = readPlainText(faults, value, `${path}/email`, LONGEST_EMAIL, 'always') ?? ''
    const name = readPlainText(faults, value, `${path}/name`, LONGEST_NAME, 'no')
    if (email !== '' && !EMAIL.test(email)) {
      faults.invalid(`${path}/email`, `${path}/email "${short(email)}" is no email address; give one.`)
    }
    return name === undefined ? { email } : { email, name }
  }
  const text = readPlainText(faults, owner, path, LONGEST_EMAIL, 'always', 'an id, an email address or an object')
  if (text === undefined) return { id: '' }
  if (CUSTOMER_ID.test(text)) return { id: text }
  if (!EMAIL.test(text)) {
    faults.invalid(
      path,
      `${path} "${short(text)}" is neither a customer's id (cus_...) nor an email address; give one.`,
    )
  }
  return { email: text }
}

function readPrice(faults: Faults, owner: JsonObject, rules: PaymentMethodRules | undefined): SetupPrice {
  const path = '/price'
  const value = readMember(owner, 'price')
  if (isJsonObject(value)) return readNewPrice(faults, value, rules)
  const id = readPlainText(faults, owner, path, LONGEST_NAME, 'always', 'an id or an object')
  if (id !== undefined && !PRICE_ID.test(id)) {
    faults.invalid(path, `${path} "${short(id)}" is no id of a price; give one (price_...).`)
  }
  return { id: id ?? '' }
}

function readNewPrice(faults: Faults, price: JsonObject, rules: PaymentMethodRules | undefined): SetupPrice {
  const { currency = '', minimumAmount = 1 } = rules ?? {}
  const amount = readAmount(faults, readMember(price, 'amount'), minimumAmount)
  const asked = readPlainText(faults, price, '/price/currency', 8, 'no') ?? currency
  if (rules !== undefined && asked.toLowerCase() !== currency) {
    const wanted = currency.toUpperCase()
    faults.invalid('/price/currency', `/price/currency is "${short(asked)}"; this payment method pays ${wanted} only.`)
  }
  const interval = readText(faults, price, '/price/interval', 'always')
  const known = SETUP_INTERVALS.find((name) => name === interval)
  if (interval !== undefined && known === undefined) {
    const names = SETUP_INTERVALS.join(', ')
    faults.invalid('/price/interval', `/price/interval is "${short(interval)}"; give one of ${names}.`)
  }
  const productName = readPlainText(faults, price, '/price/productName', LONGEST_NAME, 'no')
  const named = productName === undefined ? {} : { productName }
  return { amount, currency, interval: known ?? 'month', ...named }
}

/** Won has no smaller unit, so a fraction is a mistake and not something to round. */
function readAmount(faults: Faults, value: JsonValue | undefined, minimum: number): number {
  const path = '/price/amount'
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= minimum) return value
  const found = typeof value === 'number' ? String(value) : typeName(value)
  const message = `${path} is ${found}; give a whole number of at least ${minimum}, in the currency's smallest unit.`
  faults.invalid(path, message, value === undefined ? '1304-400' : '1312-400')
  return minimum
}

function readUrl(faults: Faults, owner: JsonObject, path: string): string {
  const text = readPlainText(faults, owner, path, LONGEST_URL, 'always')
  if (text === undefined) return ''
  const url = URL.canParse(text) ? new URL(text) : null
  const isGood = url !== null && /^https?:$/.test(url.protocol) && url.username === '' && url.password === ''
  if (!isGood) faults.invalid(path, `${path} is no http or https URL without credentials; give one.`)
  return text
}

function readIpAddress(faults: Faults, owner: JsonObject, path: string): string {
  const text = readText(faults, owner, path, 'always')
  if (text !== undefined && isIP(text) === 0) {
    faults.invalid(path, `${path} "${short(text)}" is no IP address; give the customer's IPv4 or IPv6 address.`)
  }
  return text ?? ''
}

function readApiVersion(faults: Faults, owner: JsonObject): string | undefined {
  const text = readText(faults, owner, '/apiVersion', 'no')
  if (text === undefined || text === '') return undefined
  if (API_VERSION.test(text)) return text
  const message = `/apiVersion "${short(text)}" is no version; give a date with or without a release name, as in 2025-02-24.acacia.`
  faults.invalid('/apiVersion', message)
  return undefined
}

/** Text without control characters, not longer than Stripe takes. */
function readPlainText(
  faults: Faults,
  owner: JsonObject,
  path: string,
  longest: number,
  need: 'always' | 'no',
  wanted = 'a string',
): string | undefined {
  const value = readMember(owner, path.slice(path.lastIndexOf('/') + 1))
  if (value !== undefined && typeof value !== 'string') {
    faults.invalid(path, `${path} is ${typeName(value)}; give ${wanted}.`)
    return undefined
  }
  const text = readText(faults, owner, path, need)
  if (text === undefined || text.trim() === '') return undefined
  if (text.length > longest) {
    faults.invalid(path, `${path} has ${text.length} characters; give at most ${longest}.`)
    return undefined
  }
  if (!/\p{Cc}/u.test(text)) return text
  faults.invalid(path, `${path} holds control characters; remove them.`)
  return undefined
}
