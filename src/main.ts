import { setFlagsFromString } from 'node:v8'
import { readFileSync } from 'node:fs'
import module from 'node:module'

// Pages of JSON come and go. Left alone, the heap would grow to several times what is in use before it is swept.
setFlagsFromString('--heap-growing-percent=50')

// Compiled code is kept between starts, which halves the time of the next one.
module.enableCompileCache?.()

const [
  { Command },
  { auditCommand },
  { demoCommand },
  { sandboxCommand },
  { ConfigError, describeSettings },
  { redactSecrets },
] = await Promise.all([
  import('commander'),
  import('./cli/audit/command.ts'),
  import('./cli/demo/command.ts'),
  import('./cli/sandbox.ts'),
  import('./config.ts'),
  import('./secrets/redact.ts'),
])
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8'))

const program = new Command('stripe-flow-source')
  .description('A self-hosted Flow Service host with connection-spec source plugins, Stripe first.')
  .version(version)
  .enablePositionalOptions()

program
  .command('start', { isDefault: true })
  .description('start the host')
  .addHelpText('after', `\nSettings (environment variables):\n${describeSettings()}`)
  .action(async () => {
    const { start } = await import('./cli/start.ts')
    await start(process.env)
  })

program.addCommand(demoCommand())
program.addCommand(auditCommand())
program.addCommand(sandboxCommand())

try {
  await program.parseAsync()
} catch (error) {
  console.error(redactSecrets(describe(error)))
  process.exitCode = 1
}

/** What the operator can mend is one line; anything else comes with its stack. */
function describe(error: unknown): string {
  if (error instanceof ConfigError) return error.message
  return error instanceof Error ? (error.stack ?? error.message) : String(error)
}
