/**
 * The yardstick: the official SDK's auto-paging writing an NDJSON file, with no index, no de-duplication and no
 * checkpoint. Runs in a process of its own and prints the seconds it took.
 * Usage: node bench/plain-sdk.ts <stripe url> <file> [<most records>]
 */
import { createWriteStream } from 'node:fs'
import { once } from 'node:events'
import Stripe from 'stripe'

const [url = '', file = '', most = 'Infinity'] = process.argv.slice(2)
const base = new URL(url)
const stripe = new Stripe('sk_test_sandbox', {
  host: base.hostname,
  port: Number(base.port),
  protocol: 'http',
  telemetry: false,
})

const started = performance.now()
const out = createWriteStream(file)
let count = 0
for await (const charge of stripe.charges.list({ limit: 100 })) {
  if (count === Number(most)) break
  count += 1
  if (!out.write(`${JSON.stringify(charge)}\n`)) await once(out, 'drain')
}
out.end()
await once(out, 'finish')
console.log(JSON.stringify({ count, seconds: (performance.now() - started) / 1000 }))
