import { Argument, Command, InvalidArgumentError } from 'commander'
import { DEFAULT_SCENARIO, SCENARIO_NAMES, SCENARIOS, type ScenarioName } from './scenarios.ts'

export interface DemoOptions {
  readonly scenario: ScenarioName
  readonly once: boolean
  readonly charges: number
  readonly port: number
}

/** `demo [scenario]`: a host and a sandbox Stripe, and a walk through one capability. */
export function demoCommand(): Command {
  const summaries = SCENARIO_NAMES.map((name) => `${name}: ${SCENARIOS[name].summary}`)
  return new Command('demo')
    .description('start a host with the sandbox Stripe and walk through what it does')
    .addArgument(new Argument('[scenario]', summaries.join('; ')).choices(SCENARIO_NAMES).default(DEFAULT_SCENARIO))
    .option('--once', 'end after the walk instead of staying up until Ctrl-C', false)
    .option('--charges <count>', 'how many charges the sandbox account holds', parseCount, 2500)
    .option('--port <port>', 'where the host listens; any free port when it is taken', parseCount, 8080)
    .action(async (scenario: ScenarioName, options: Omit<DemoOptions, 'scenario'>) => {
      const { demo } = await import('./demo.ts')
      process.exitCode = (await demo({ ...options, scenario })) ? 0 : 1
    })
}

function parseCount(text: string): number {
  const count = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count)) throw new InvalidArgumentError('Give a whole number.')
  return count
}
