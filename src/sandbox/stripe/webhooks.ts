import type { Behaviour } from './behaviour.ts'
import type { SandboxClock } from './clock.ts'
import { missingResource, StripeError } from './errors.ts'
import type { Mode } from './types.ts'
import { MODES } from './types.ts'
import type { WebhookAttempt } from './webhook-deliveries.ts'
import { WebhookDeliveries } from './webhook-deliveries.ts'
import type { NewWebhookEndpoint, WebhookEndpoint } from './webhook-endpoints.ts'
import { WebhookScripts } from './webhook-scripts.ts'
import type { World } from './world.ts'

/** An endpoint that the sandbox has from its start. */
export interface WebhookEndpointOption extends NewWebhookEndpoint {
  /** @defaultValue test */
  readonly mode?: Mode
}

/** An endpoint with the secret that it signs with. */
export interface AddedEndpoint {
  readonly id: string
  readonly url: string
  /** `whsec_…` */
  readonly secret: string
}

export interface WebhooksOptions {
  readonly worlds: Readonly<Record<Mode, World>>
  readonly clock: SandboxClock
  readonly behaviour: Behaviour
  readonly endpoints: readonly WebhookEndpointOption[]
}

/** The sandbox's notifications: who gets them, what a script does to them, and how they went. */
export class Webhooks {
  readonly scripts = new WebhookScripts()
  readonly #options: WebhooksOptions
  readonly #deliveries: WebhookDeliveries

  constructor(options: WebhooksOptions) {
    this.#options = options
    const { clock, behaviour } = options
    this.#deliveries = new WebhookDeliveries({ clock, behaviour, scripts: this.scripts })
    for (const mode of MODES) {
      const world = options.worlds[mode]
      world.onEvent = (event, endpointId) => this.#deliveries.add({ world, endpointId, event })
    }
    this.#addFirst()
  }

  /** Adds an endpoint, as the API would. */
  add({ mode = 'test', ...given }: WebhookEndpointOption): AddedEndpoint {
    return added(this.#options.worlds[modeOf(mode)].webhookEndpoints.add(given))
  }

  /** Gives an endpoint a new secret; the old one goes on signing for `keepSeconds` (0 to 86400). */
  roll(id: string, keepSeconds = 0, secret?: string): AddedEndpoint {
    return added(this.#worldOf(id).webhookEndpoints.roll(id, keepSeconds, secret))
  }

  remove(id: string): boolean {
    return MODES.map((mode) => this.#options.worlds[mode].webhookEndpoints.remove(id)).includes(true)
  }

  /** Oldest first. */
  endpoints(mode: Mode = 'test'): readonly WebhookEndpoint[] {
    return this.#options.worlds[mode].webhookEndpoints.all()
  }

  /** Delivers an event once more, as from the beginning, to one of its endpoints or to all. */
  resend(eventId: string, endpointId?: string): void {
    const world = MODES.map((mode) => this.#options.worlds[mode]).find((each) => each.delivery(eventId))
    const targets = world?.deliveredTo(eventId).filter(({ endpoint }) => (endpointId ?? endpoint) === endpoint) ?? []
    if (!world) throw missingResource('event', eventId, 'id')
    if (targets.length === 0) throw new StripeError(400, `The event ${eventId} was not made for such an endpoint.`)
    for (const { endpoint, event } of targets) this.#deliveries.add({ world, endpointId: endpoint, event })
  }

  /** The newest 10,000 attempts, oldest first. */
  attempts(): readonly WebhookAttempt[] {
    return this.#deliveries.attempts
  }

  /** How many deliveries are sent or about to be, held back by scripts, or waiting for their next attempt. */
  counts() {
    return this.#deliveries.counts
  }

  /** Sends what the script `late` holds back, the last one first. */
  release(): void {
    this.#deliveries.release()
  }

  /** Resolves when nothing is being sent; what is held back or waits for its next attempt does not count. */
  settled(): Promise<void> {
    return this.#deliveries.settled()
  }

  /** Back to the endpoints of the start; nothing is on its way any more. The worlds are to be reset before. */
  reset(): void {
    this.#deliveries.clear()
    this.scripts.clear()
    this.#addFirst()
  }

  close(): void {
    this.#deliveries.close()
  }

  #addFirst(): void {
    for (const endpoint of this.#options.endpoints) this.add(endpoint)
  }

  #worldOf(endpointId: string): World {
    const { worlds } = this.#options
    return worlds.live.webhookEndpoints.find(endpointId) ? worlds.live : worlds.test
  }
}

function added({ id, url, secrets }: WebhookEndpoint): AddedEndpoint {
  return { id, url, secret: secrets[0]!.value }
}

function modeOf(mode: Mode): Mode {
  if (MODES.includes(mode)) return mode
  throw new StripeError(400, `mode cannot be ${String(mode)}.`, { param: 'mode' })
}
