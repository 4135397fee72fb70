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
  webhooks: {
    summary: 'a signed notification becomes a new version within a second, and a lost one is found',
    load: async () => (await import('./webhooks.ts')).webhooksScenario,
  },
} as const satisfies Record<string, ScenarioEntry>

export type ScenarioName = keyof typeof SCENARIOS

export const SCENARIO_NAMES = Object.keys(SCENARIOS) as ScenarioName[]

export const DEFAULT_SCENARIO: ScenarioName = 'records'
