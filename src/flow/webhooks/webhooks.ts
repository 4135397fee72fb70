import type { FlowContext } from '../context.ts'
import { createInboxKeeper } from './inbox-keeper.ts'
import { createWebhookEventService, type WebhookEventService } from './webhook-event-service.ts'
import { createWebhookRuns } from './webhook-runs.ts'
import { createWebhookService, type WebhookService, type WebhookServiceOptions } from './webhook-service.ts'

const MINUTE_MS = 60_000
const DAY_MS = 24 * 60 * MINUTE_MS

export interface WebhooksOptions extends Pick<WebhookServiceOptions, 'onNotice' | 'onOutcome'> {
  /** Called soon after notifications have arrived, so that the dispatcher looks for work. */
  readonly onArrived: () => void
  /** 0 for never. */
  readonly sweepMinutes: number
  readonly retentionDays: number
}

/** Everything about signed notifications: taking them, working on them, showing them. */
export interface Webhooks {
  readonly service: WebhookService
  readonly events: WebhookEventService
  /** Makes the runs that take what has arrived, and begins what else is due; called again and again. */
  makeRuns(): Promise<void>
  /** Leaves what it is doing. */
  stop(): Promise<void>
}

export function createWebhooks(
  context: FlowContext,
  { onArrived, onNotice, onOutcome, sweepMinutes, retentionDays }: WebhooksOptions,
): Webhooks {
  const runs = createWebhookRuns(context, { onArrived })
  const arrived = (connectionNo: number) => runs.arrived(connectionNo)
  const keeper = createInboxKeeper(context, {
    sweepEveryMs: sweepMinutes * MINUTE_MS,
    retentionMs: retentionDays * DAY_MS,
    onArrived: arrived,
  })
  return {
    service: createWebhookService(context, { onArrived: arrived, onNotice, onOutcome }),
    events: createWebhookEventService(context, { onArrived: arrived }),
    async makeRuns() {
      keeper.tick()
      await runs.makeRuns()
    },
    stop: () => keeper.stop(),
  }
}
