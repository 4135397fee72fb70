import type { JsonObject } from '../../json.ts'
import type { RestHttp } from '../rest/http.ts'
import { parseHttpUrl } from '../rest/request.ts'
import type { WebhookRequest } from '../webhook.ts'
import { refusal } from './refusal.ts'

/** The auth parameter of a base connection that says whom to ask whether a user exists. */
export const USER_VALIDATION_URL = 'userValidationUrl'

export interface UserCheckOptions {
  readonly http: RestHttp
  /** Milliseconds that the URL may take to answer. */
  readonly timeoutMs: number
  /** The resource path whose objects are users, by the id that the merchant gave them. */
  readonly usersPath: string
}

/** These say nothing about the user: the one who is asked does not want to be asked now, or not by us. */
const NO_ANSWER = new Set([401, 407, 408, 425, 429])

/**
 * Throws `WebhookRefusal` INVALID_USER when nobody knows the user: the connection's own URL when it names one, else the
 * datasets in which its flows have landed users. Throws another error when the question stays open.
 */
export async function checkUser(
  userId: string,
  { params, hasObject }: Pick<WebhookRequest, 'params' | 'hasObject'>,
  options: UserCheckOptions,
): Promise<void> {
  const url = urlIn(params)
  const exists = url === null ? await hasObject(options.usersPath, userId) : await isKnownAt(url, userId, options)
  if (!exists) throw refusal('INVALID_USER', 'The user is not known.')
}

function urlIn(params: JsonObject): URL | null {
  const text = params[USER_VALIDATION_URL]
  return typeof text !== 'string' || text.trim() === '' ? null : parseHttpUrl(text, USER_VALIDATION_URL)
}

async function isKnownAt(asked: URL, userId: string, { http, timeoutMs }: UserCheckOptions): Promise<boolean> {
  const url = new URL(asked)
  // Not in the path: an id may hold what leads out of it.
  url.searchParams.append('user_id', userId)
  const deadline = AbortSignal.timeout(timeoutMs)
  const { status } = await http.send({ method: 'GET', url, headers: {} }, deadline).catch((error: unknown) => {
    if (!deadline.aborted) throw error
    throw new Error(`${asked.host} did not say within ${timeoutMs} ms whether a user exists.`)
  })
  if (status >= 200 && status < 300) return true
  if (status >= 400 && status < 500 && !NO_ANSWER.has(status)) return false
  throw new Error(`${asked.host} answered ${status} to the question whether a user exists.`)
}
