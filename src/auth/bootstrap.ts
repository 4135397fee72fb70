import { randomBytes } from 'node:crypto'
import path from 'node:path'
import type { Clock } from '../clock.ts'
import { ConfigError } from '../config.ts'
import type { BootstrapClient, Config } from '../config.ts'
import { writeSecretFile } from '../secrets/encryption-keys.ts'
import type { Store } from '../store/store.ts'
import { hashClientSecret } from './client-secret.ts'

export const FIRST_CLIENT_FILE = 'first-client.json'

type BootstrapConfig = Pick<
  Config,
  'dataDir' | 'bootstrapClientId' | 'bootstrapClientSecret' | 'bootstrapOrgId' | 'bootstrapClients'
>

interface BootstrapDependencies {
  readonly config: BootstrapConfig
  readonly store: Store
  readonly clock: Clock
  readonly newId: () => string
}

/**
 * Creates the API clients that the settings name, unless they exist; an existing client keeps its secret and
 * organisation, sandboxes that are new are added. When the settings name none and the store has none, one client with a
 * random id, secret and organisation is created. A random secret is also kept in `DATA_DIR/first-client.json`, readable by
 * its owner only.
 *
 * @returns the first client when this call created it: the one time that its secret is at hand
 */
export async function bootstrapClients(dependencies: BootstrapDependencies): Promise<BootstrapClient | null> {
  const { config, store } = dependencies
  if (config.bootstrapClients.length > 0) await ensureClients(config.bootstrapClients, dependencies)

  const first = firstClient(config)
  const named = config.bootstrapClientId !== undefined
  const exists = named
    ? (await store.clients.getClient(first.clientId)) !== null
    : config.bootstrapClients.length > 0 || (await store.clients.countClients()) > 0
  if (exists) return null
  if (config.bootstrapClientSecret === undefined) {
    // The file first: a crash in between must not leave a client whose secret nobody knows.
    const { clientId, clientSecret, orgId } = first
    const text = JSON.stringify({ clientId, clientSecret, orgId }, null, 2)
    await writeSecretFile(path.join(config.dataDir, FIRST_CLIENT_FILE), `${text}\n`, 'w')
  }
  await ensureClients([first], dependencies)
  return first
}

function firstClient(config: BootstrapConfig): BootstrapClient {
  return {
    clientId: config.bootstrapClientId ?? randomBytes(16).toString('hex'),
    clientSecret: config.bootstrapClientSecret ?? `p8e-${randomBytes(24).toString('base64url')}`,
    orgId: config.bootstrapOrgId ?? `${randomBytes(12).toString('hex').toUpperCase()}@AdobeOrg`,
    sandboxes: ['prod'],
  }
}

async function ensureClients(
  wanted: readonly BootstrapClient[],
  { store, clock, newId }: BootstrapDependencies,
): Promise<void> {
  // Side by side: a hash takes tens of milliseconds on a thread of its own.
  const clients = await Promise.all(
    wanted.map(async (client) => {
      const existing = await store.clients.getClient(client.clientId)
      if (existing && existing.orgId !== client.orgId) throw otherOrganisation(client, existing.orgId)
      return { ...client, secretHash: existing ? null : await hashClientSecret(client.clientSecret) }
    }),
  )
  await store.transaction(async (scope) => {
    for (const { clientId, orgId, secretHash, sandboxes } of clients) {
      if (secretHash !== null) await scope.clients.insertClient({ clientId, secretHash, orgId, createdAt: clock.now() })
      for (const sandboxName of sandboxes) {
        if (await scope.clients.getSandbox(orgId, sandboxName)) continue
        await scope.clients.ensureSandbox({ orgId, sandboxName, sandboxId: newId() })
      }
    }
  })
}

function otherOrganisation(client: BootstrapClient, existingOrgId: string): ConfigError {
  return new ConfigError(
    `BOOTSTRAP_CLIENTS names client "${client.clientId}" with orgId "${client.orgId}", but it exists with orgId ` +
      `"${existingOrgId}"; a client cannot change its organisation`,
  )
}
