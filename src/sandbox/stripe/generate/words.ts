import type { Dice } from '../dice.ts'
import { asBytes } from '../serialize.ts'
import type { JsonHash } from '../types.ts'

const FIRST = ['Ada', 'Björn', 'Chloé', 'Dilnoza', 'Emeka', 'Fatıma', 'Grace', '花子', '민준', 'Ольга', 'Zoë', 'Niamh']
const LAST = [
  'Lovelace',
  'Åström',
  'Dubois',
  'Yusupova',
  'Okafor',
  'Yılmaz',
  'Hopper',
  '山田',
  '김',
  'Иванова',
  "O'Neil",
]
const CITIES = ['Berlin', 'São Paulo', 'Seoul', 'Zürich', 'Oslo', 'Kraków', 'Austin', '大阪市', 'Reykjavík']
const COUNTRIES = ['DE', 'BR', 'KR', 'CH', 'NO', 'PL', 'US', 'JP', 'IS']
const DEVICES = ['androidtv', 'firetv', 'lgtv', 'nettv', 'operatv', 'panasonic', 'samsung']
const LONG = 'Grüße aus Zürich — 請求書は別送です; ticket №7 closed. '.repeat(12).slice(0, 500)

/** Zero-decimal currencies are among them: an amount of 1000 krw is one thousand won, not ten. */
const CURRENCIES = ['usd', 'usd', 'usd', 'usd', 'eur', 'eur', 'gbp', 'brl', 'jpy', 'krw']
const ZERO_DECIMAL: ReadonlySet<string> = new Set(['jpy', 'krw'])

export function pickCurrency(dice: Dice): string {
  return dice.pick(CURRENCIES)
}

/** An amount in the smallest unit; a few are beyond 32 bits. */
export function pickAmount(dice: Dice, currency: string): number {
  if (dice.chance(0.5)) return 2_147_483_648 + dice.next()
  const units = 1 + dice.below(dice.chance(80) ? 200 : 20_000)
  return ZERO_DECIMAL.has(currency) ? units * 100 : units * 100 + dice.pick([0, 0, 50, 95, 99])
}

export function pickName(dice: Dice): string {
  return `${dice.pick(FIRST)} ${dice.pick(LAST)}`
}

export function pickAddress(dice: Dice): JsonHash {
  const place = dice.below(CITIES.length)
  return {
    city: CITIES[place],
    country: COUNTRIES[place],
    line1: `${1 + dice.below(300)} Main Street`,
    line2: dice.chance(20) ? `Floor ${dice.below(40)}` : null,
    postal_code: String(10_000 + dice.below(89_999)),
    state: null,
  }
}

export function emptyAddress(): JsonHash {
  return { city: null, country: null, line1: null, line2: null, postal_code: null, state: null }
}

const FIRST_BYTES = FIRST.map(asBytes)
const LAST_BYTES = LAST.map(asBytes)
const CITIES_BYTES = CITIES.map(asBytes)

/** `pickName`, one character per byte of UTF-8. */
export function nameBytes(dice: Dice): string {
  return `${dice.pick(FIRST_BYTES)} ${dice.pick(LAST_BYTES)}`
}

/** The JSON text of `pickAddress`, or of an empty one without dice, one character per byte of UTF-8. */
export function addressBytes(dice: Dice | undefined): string {
  if (!dice) return EMPTY_ADDRESS
  const place = dice.below(CITIES.length)
  const line1 = 1 + dice.below(300)
  const line2 = dice.chance(20) ? `"Floor ${dice.below(40)}"` : 'null'
  return (
    `{"city":"${CITIES_BYTES[place]}","country":"${COUNTRIES[place]}","line1":"${line1} Main Street","line2":${line2},` +
    `"postal_code":"${10_000 + dice.below(89_999)}","state":null}`
  )
}

const EMPTY_ADDRESS = JSON.stringify(emptyAddress())

/** Metadata as accounts really have it: mostly small, sometimes none, sometimes Unicode or a 500-character value. */
export function pickMetadata(dice: Dice): JsonHash {
  const kind = dice.below(100)
  if (kind < 25) return {}
  const metadata: JsonHash = { order_id: `order-${dice.next()}`, cart: dice.pick(['web', 'ios', 'pos', 'phone']) }
  if (kind < 35) metadata.note = 'café ☕ 注文 №' + dice.below(1000) + ' 🎉'
  if (kind >= 98) metadata.comment = LONG
  return metadata
}

/** Both ways in which a viewer's device is noted on a subscription. */
export function pickDeviceMetadata(dice: Dice): JsonHash {
  const device = dice.pick(DEVICES)
  const kind = dice.below(10)
  if (kind < 5) return { device_type: device }
  if (kind < 7) return { [device.charAt(0).toUpperCase() + device.slice(1)]: 'yes' }
  return pickMetadata(dice)
}

/** Fills metadata until the object has about the wanted size. Stripe allows 50 keys of 500 characters. */
export function padMetadata(metadata: JsonHash, missingBytes: number): void {
  for (let key = 0, left = missingBytes; left > 0 && key < 45; key++) {
    const name = `filler_${key}`
    const length = Math.min(500, Math.max(1, left - name.length - 6))
    metadata[name] = 'x'.repeat(length)
    left -= length + name.length + 6
  }
}
