import type { StripeSandbox } from '../../sandbox/stripe/sandbox.ts'
import type { Transcript } from './transcript.ts'

/** What a scenario plays on: a host that runs, and the sandbox Stripe that it calls. */
export interface DemoStage {
  readonly transcript: Transcript
  /** Base of the host's URLs, without a trailing slash. */
  readonly hostUrl: string
  readonly stripe: StripeSandbox
  /** A secret key of the sandbox account. */
  readonly accessToken: string
  /** How many charges the account held at the start. */
  readonly chargeCount: number
}

/** A walk through one capability. Throws `DemoError` when anything differs from its promise. */
export interface DemoScenario {
  /** Opened before the host starts, closed after it stopped. Absent: the scenario needs nothing but the stage. */
  readonly open?: () => Promise<DemoSurroundings>
  readonly walk: (stage: DemoStage) => Promise<void>
}

/** What a scenario needs besides the sandbox Stripe. */
export interface DemoSurroundings {
  /** Environment variables for the host. */
  readonly settings: Readonly<Record<string, string>>
  readonly close: () => Promise<void>
}
