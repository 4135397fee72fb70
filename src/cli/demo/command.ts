import { Command, InvalidArgumentError } from 'commander'

export interface DemoOptions {
  readonly once: boolean
  readonly charges: number
  readonly port: number
}

/** `demo`: a host and a sandbox Stripe, and the whole walk from connection to paged records. */
export function demoCommand(): Command {
  return new Command('demo')
    .description('start a host with the sandbox Stripe and walk from an access token to paged records')
    .option('--once', 'end after the walk instead of staying up until Ctrl-C', false)
    .option('--charges <count>', 'how many charges the sandbox account holds', parseCount, 2500)
    .option('--port <port>', 'where the host listens; any free port when it is taken', parseCount, 8080)
    .action(async (options: DemoOptions) => {
      const { demo } = await import('./demo.ts')
      process.exitCode = (await demo(options)) ? 0 : 1
    })
}

function parseCount(text: string): number {
  const count = Number(text)
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(count)) throw new InvalidArgumentError('Give a whole number.')
  return count
}
