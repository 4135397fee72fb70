import { Command } from 'commander'

export interface AuditOptions {
  /** Id of the flow. */
  readonly flow: string
  readonly repair: boolean
  /** Base of the host's URLs. */
  readonly url: string
  /** Name of the sandbox that the flow is in. */
  readonly sandbox: string
}

/** What the command ends with, for scripts. */
export const EXIT_CODES = { same: 0, drift: 1, notAudited: 2 } as const

const MORE_HELP = `
The credentials of an API client are taken from CLIENT_ID, CLIENT_SECRET and ORG_ID, else from BOOTSTRAP_CLIENT_ID,
BOOTSTRAP_CLIENT_SECRET and BOOTSTRAP_ORG_ID, else from the file that the host's first start leaves in DATA_DIR.

Exit codes:
  0  nothing differs, or everything that differed was mended
  1  something differs
  2  the flow could not be audited`

/** `audit`: compares a flow's dataset with its source, through the API of a host that is running. */
export function auditCommand(): Command {
  return new Command('audit')
    .description("compare a flow's dataset with its source, object by object, on a running host")
    .requiredOption('--flow <id>', 'id of the flow')
    .option('--repair', 'mend what differs, by a run of the flow', false)
    .option('--url <url>', 'where the host listens', 'http://127.0.0.1:8080')
    .option('--sandbox <name>', 'the sandbox that the flow is in', 'prod')
    .addHelpText('after', MORE_HELP)
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : EXIT_CODES.notAudited))
    .action(async (options: AuditOptions) => {
      const { audit } = await import('./audit.ts')
      process.exitCode = await audit(options, process.env)
    })
}
