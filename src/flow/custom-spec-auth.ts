import type { JsonObject, JsonValue } from '../json.ts'
import type { PluginContext } from '../plugins/plugin.ts'
import type { StoredEntity } from '../store/store.ts'
import { SECRET_MASK } from './connection-auth.ts'
import type { FlowContext } from './context.ts'

const TOKENS = ['/auth/params/accessToken', '/auth/params/refreshToken']

type RenewAuth = NonNullable<PluginContext['renewAuth']>

/** The last renewal of each connection that is under way, by the connection's number. */
const renewals = new WeakMap<FlowContext['store'], Map<number, Promise<unknown>>>()

/**
 * Renewals of one connection come one after the other; each begins with what the one before has stored. What a caller
 * patches in the meantime wins over what the renewal brings.
 *
 * @param read - the auth parameters of a stored connection, secrets opened
 */
export function createAuthRenewal(
  { store, secretBox }: Pick<FlowContext, 'store' | 'secretBox'>,
  connectionNo: number,
  read: (connection: StoredEntity) => JsonObject,
): RenewAuth {
  async function current(): Promise<StoredEntity> {
    const connection = await store.entities.getByNo(connectionNo)
    if (connection === null) throw new Error('The connection was deleted while its tokens were renewed.')
    return connection
  }

  async function renewNow(renew: Parameters<RenewAuth>[0]): Promise<JsonObject> {
    const before = await current()
    const changes = await renew(read(before))
    if (changes === null) return read(before)
    return store.transaction(async (scope) => {
      const connection = await scope.entities.getByNo(connectionNo)
      if (connection === null) return { ...read(before), ...changes }
      if (!isSameAuth(connection, before)) return read(connection)
      const renewed = withChanges(connection, changes, (text) => secretBox.seal(text, connection.id))
      // The etag stays: no client has changed the connection.
      await scope.entities.update(connection, renewed)
      return read({ ...connection, ...renewed })
    })
  }

  return (renew) => {
    const queue = renewals.get(store) ?? new Map<number, Promise<unknown>>()
    renewals.set(store, queue)
    const mine = (queue.get(connectionNo) ?? Promise.resolve()).catch(() => {}).then(() => renewNow(renew))
    queue.set(connectionNo, mine)
    const forget = () => {
      if (queue.get(connectionNo) === mine) queue.delete(connectionNo)
    }
    mine.then(forget, forget)
    return mine
  }
}

/** A patch of anything else leaves the sealed tokens as they are. */
function isSameAuth(a: StoredEntity, b: StoredEntity): boolean {
  return TOKENS.every((at) => a.secrets[at] === b.secrets[at])
}

/** Everything that was renewed is sealed, and shown as a mask where the connection shows it at all. */
function withChanges(connection: StoredEntity, changes: JsonObject, seal: (text: string) => string) {
  const auth = connection.document['auth'] as JsonObject
  const params: Record<string, JsonValue | undefined> = { ...(auth['params'] as JsonObject) }
  const secrets: Record<string, string> = { ...connection.secrets }
  for (const [name, value] of Object.entries(changes)) {
    secrets[`/auth/params/${name}`] = seal(String(value))
    if (name !== 'expirationDate') params[name] = SECRET_MASK
  }
  const document = { ...connection.document, auth: { ...auth, params } }
  return { etag: connection.etag, document, secrets }
}
