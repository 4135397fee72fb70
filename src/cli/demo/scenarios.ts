import type { DemoScenario } from './scenario.ts'

interface ScenarioEntry {
  /** One line for `--help`. */
  readonly summary: string
  readonly load: () => Promise<DemoScenario>
}

/** The demos by name, loaded when asked for. */
export const SCENARIOS = {
  records: {
    summary: 'from an access token to paged records',
    load: async () => (await import('./records.ts')).recordsScenario,
  },
  search: {
    summary: 'subscriptions by their metadata, at Stripe and in the dataset',
    load: async () => (await import('./search.ts')).searchScenario,
  },
  'kakao-pay': {
    summary: 'a subscription that is paid by Kakao Pay',
    load: async () => (await import('./kakao-pay.ts')).kakaoPayScenario,
  },
  xsolla: {
    summary: 'another source by its specification, read while its list moves',
    load: async () => (await import('./xsolla.ts')).createXsollaScenario(),
  },
  webhooks: {
    summary: 'a signed notification becomes a new version within a second, and a lost one is found',
    load: async () => (await import('./webhooks.ts')).webhooksScenario,
  },
} as const satisfies Record<string, ScenarioEntry>

export type ScenarioName = keyof typeof SCENARIOS

export const SCENARIO_NAMES = Object.keys(SCENARIOS) as ScenarioName[]

export const DEFAULT_SCENARIO: ScenarioName = 'records'
