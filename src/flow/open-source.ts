import { FlowServiceError } from '../errors.ts'
import { isJsonObject } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { PluginContext, Source, SourcePlugin, SourceResource } from '../plugins/plugin.ts'
import type { StoredEntity } from '../store/store.ts'
import type { FlowContext } from './context.ts'
import { createAuthRenewal } from './custom-spec-auth.ts'

const AUTH_PARAMS = '/auth/params/'

/**
 * The source behind a base connection, for one test, explore or run; makes no request.
 *
 * `params` are a source connection's or what explore was given; `reading` says on whose behalf it is read. Throws `FlowServiceError` 1305-400 when no plugin serves
 * the connection's spec and 1102-500 when its stored secret does not open.
 */
export function openSource(
  context: Pick<FlowContext, 'plugins' | 'secretBox' | 'logger' | 'store'>,
  connection: StoredEntity,
  params: JsonObject,
  reading: Pick<PluginContext, 'owner' | 'observer'> = {},
): Source {
  const plugin = pluginOf(context, connection)
  // A connection that is being created has no etag yet, and no place to keep renewed tokens in.
  const isStored = connection.etag !== ''
  return plugin.connect(authParams(context, connection), params, {
    ...reading,
    logger: context.logger.child({ connectionId: connection.id }),
    ...(isStored
      ? { renewAuth: createAuthRenewal(context, connection.no, (stored) => authParams(context, stored)) }
      : {}),
  })
}

/** The plugin that serves a base connection. Throws `FlowServiceError` 1305-400 when there is none. */
export function pluginOf(context: Pick<FlowContext, 'plugins'>, connection: StoredEntity): SourcePlugin {
  const specId = connectionSpecId(connection)
  const plugin = context.plugins.get(specId)
  if (plugin === undefined) {
    throw new FlowServiceError(
      '1305-400',
      `The connection spec ${specId} of connection ${connection.id} is no source; use one of ${[...context.plugins.keys()].join(', ')}.`,
    )
  }
  return plugin
}

/** The resource that a source connection's `params` name; undefined when they name none. */
export function resourceOf(plugin: SourcePlugin, params: JsonObject): SourceResource | undefined {
  if (plugin.resourceOf) return plugin.resourceOf(params)
  return plugin.resources.find(({ resourcePath }) => resourcePath === params['resourcePath'])
}

/** The id of the connection spec that a base or source connection was made with. */
export function connectionSpecId(connection: StoredEntity): string {
  const reference = connection.document['connectionSpec']
  return isJsonObject(reference) ? String(reference['id']) : ''
}

/** `auth.params` with the secrets in place of their masks. Throws `FlowServiceError` 1102-500 when one does not open. */
export function authParams(context: Pick<FlowContext, 'secretBox'>, connection: StoredEntity): JsonObject {
  const auth = connection.document['auth']
  const visible = isJsonObject(auth) && isJsonObject(auth['params']) ? auth['params'] : {}
  const secrets: [string, JsonValue][] = Object.entries(connection.secrets)
    .filter(([pointer]) => pointer.startsWith(AUTH_PARAMS))
    .map(([pointer, sealed]) => [
      pointer.slice(AUTH_PARAMS.length).replaceAll('~1', '/').replaceAll('~0', '~'),
      openSecret(context, connection.id, sealed),
    ])
  return { ...visible, ...Object.fromEntries(secrets) }
}

function openSecret({ secretBox }: Pick<FlowContext, 'secretBox'>, connectionId: string, sealed: string): string {
  try {
    return secretBox.open(sealed, connectionId)
  } catch (cause) {
    throw new FlowServiceError(
      '1102-500',
      `The stored credential of connection ${connectionId} cannot be decrypted; was the encryption key changed?`,
      { cause },
    )
  }
}
