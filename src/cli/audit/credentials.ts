import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { FIRST_CLIENT_FILE } from '../../auth/bootstrap.ts'
import { AuditCommandError } from './audit-command-error.ts'

/** An API client of the host. */
export interface Credentials {
  readonly clientId: string
  readonly clientSecret: string
  readonly orgId: string
}

/** From the environment, else from the file of the first client. Throws `AuditCommandError` when a part is missing. */
export async function findCredentials(env: NodeJS.ProcessEnv): Promise<Credentials> {
  const file = join(env['DATA_DIR'] || './data', FIRST_CLIENT_FILE)
  const named = {
    clientId: env['CLIENT_ID'] || env['BOOTSTRAP_CLIENT_ID'],
    clientSecret: env['CLIENT_SECRET'] || env['BOOTSTRAP_CLIENT_SECRET'],
    orgId: env['ORG_ID'] || env['BOOTSTRAP_ORG_ID'],
  }
  const isComplete = named.clientId && named.clientSecret && named.orgId
  const first = isComplete ? {} : await readFirstClient(file)
  // The secret of one client is of no use to another.
  const fits = named.clientId === undefined || named.clientId === first.clientId
  const clientId = named.clientId ?? first.clientId
  const clientSecret = named.clientSecret ?? (fits ? first.clientSecret : undefined)
  const orgId = named.orgId ?? (fits ? first.orgId : undefined)
  if (clientId && clientSecret && orgId) return { clientId, clientSecret, orgId }
  throw new AuditCommandError(`No API client: set CLIENT_ID, CLIENT_SECRET and ORG_ID (${file} does not help).`)
}

async function readFirstClient(file: string): Promise<Partial<Credentials>> {
  try {
    return JSON.parse(await readFile(file, 'utf8')) as Partial<Credentials>
  } catch {
    return {}
  }
}
