import type { StripeObject } from '../types.ts'
import { numberOf } from '../types.ts'
import type { Attempt } from './payment-objects.ts'
import { refusalCodes } from './redirects.ts'

const STYLE = `
  body { font: 16px/1.5 system-ui, sans-serif; background: #f4f4f4; color: #191919; margin: 0; }
  main { max-width: 24rem; margin: 3rem auto; padding: 1.5rem; background: #fff; border-radius: 1rem; }
  h1 { font-size: 1.25rem; margin: 0 0 1rem; }
  h1 span { background: #ffeb00; border-radius: .5rem; padding: .25rem .5rem; }
  dl { display: grid; grid-template-columns: auto 1fr; gap: .25rem 1rem; margin: 0 0 1.5rem; }
  dt { color: #666; }
  dd { margin: 0; overflow-wrap: anywhere; }
  form { margin: 0 0 .75rem; display: flex; gap: .5rem; }
  button { flex: 1; font: inherit; padding: .75rem; border: 0; border-radius: .5rem; background: #e8e8e8; cursor: pointer; }
  button.yes { background: #ffeb00; font-weight: 600; }
  select { flex: 1; min-width: 0; font: inherit; border: 1px solid #ccc; border-radius: .5rem; }
  small { color: #666; }
`

function page(body: string): string {
  return (
    '<!doctype html><html lang="en"><meta charset="utf-8">' +
    '<meta name="viewport" content="width=device-width, initial-scale=1">' +
    `<title>Kakao Pay (sandbox)</title><style>${STYLE}</style><main>` +
    `<h1><span>kakao pay</span> sandbox</h1>${body}` +
    '<p><small>Nobody pays here: the Stripe sandbox plays Kakao Pay.</small></p></main></html>\n'
  )
}

/** The page on which the customer decides. */
export function decisionPage(attempt: Attempt, intent: StripeObject): string {
  const setup = attempt.name === 'setup_intents'
  const facts = [
    ['Merchant', 'Sandbox Shop'],
    setup ? ['Asks for', 'permission to charge you later'] : ['Asks for', won(intent)],
    ['Customer', String(intent.customer ?? 'not named')],
    ['Reference', intent.id],
    ['Then back to', attempt.returnUrl],
  ]
  const terms = facts
    .map(([name, value]) => `<dt>${escape(String(name))}</dt><dd>${escape(String(value))}</dd>`)
    .join('')
  const codes = refusalCodes(attempt).map((code) => `<option>${code}</option>`)
  const path = (verb: string) => `${attempt.nonce}/${verb}`
  return page(
    `<dl>${terms}</dl>` +
      `<form method="post" action="${path('approve')}"><button class="yes">Approve</button></form>` +
      `<form method="post" action="${path('refuse')}"><select name="code" aria-label="Reason">${codes.join('')}</select>` +
      '<button>Refuse</button></form>' +
      `<form method="post" action="${path('abandon')}"><button>Abandon</button></form>`,
  )
}

/** What stays on the screen of a customer who does not decide. */
export function abandonedPage(): string {
  return page('<p>You left without deciding. Nobody is told, and the request goes on waiting.</p>')
}

/** A page that has nothing to decide (any more). */
export function overPage(why: string): string {
  return page(`<p>${escape(why)}</p>`)
}

function won(intent: StripeObject): string {
  return `${numberOf(intent.amount).toLocaleString('en')} ${String(intent.currency).toUpperCase()}`
}

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.codePointAt(0)};`)
}
