import { createHash } from 'node:crypto'
import { isJsonObject, type JsonObject, type JsonValue } from '../../json.ts'
import type { WebhookNotification, WebhookRequest } from '../webhook.ts'
import { ruleOf, UNKNOWN_TYPE, type NotificationRule } from './notification-types.ts'
import { parseBody } from './parse-body.ts'
import { refusal } from './refusal.ts'

const TYPE = /^[A-Za-z][A-Za-z0-9_.-]{0,63}$/
const ID = /^[\x20-\x7e]{1,100}$/
const LONGEST_USER_ID = 255

/** The subscription that a notification is about. */
const SUBJECTS = ['subscription.subscription_id', 'purchase.subscription.subscription_id']

/**
 * What is kept of a notification whose signature was checked. It carries no time of its own, so it is dated by its
 * arrival. Throws `WebhookRefusal` for a body that lacks what its type must carry.
 */
export function notificationOf({ rawBody, nowMs }: Pick<WebhookRequest, 'rawBody' | 'nowMs'>): WebhookNotification {
  const body = parseBody(rawBody)
  const named = body['notification_type']
  if (typeof named !== 'string' || !TYPE.test(named)) {
    throw refusal('INVALID_PARAMETER', 'notification_type is missing or is no name of a type.')
  }
  const rule = ruleOf(named)
  checkIds(body, rule)
  return {
    key: keyOf({ type: named, rule, body, rawBody }),
    type: rule === null ? UNKNOWN_TYPE : named,
    subjectId: SUBJECTS.map((path) => idAt(body, path)).find((id) => id !== null) ?? null,
    occurredAt: nowMs,
    body,
  }
}

/** An id as text: they come as integers and as strings, the same one in both ways. Null when there is none. */
export function idAt(body: JsonObject, path: string): string | null {
  const value = valueAt(body, path)
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
  return typeof value === 'string' && ID.test(value) && value.trim() !== '' ? value : null
}

/** The user that a notification is about, by the merchant's own id. Null when it names none. */
export function userIdOf(body: JsonObject): string | null {
  const value = valueAt(body, 'user.id')
  // Merchants choose these ids, so any characters will do.
  if (typeof value === 'string') return value.trim() !== '' && value.length <= LONGEST_USER_ID ? value : null
  return idAt(body, 'user.id')
}

function checkIds(body: JsonObject, rule: NotificationRule | null): void {
  for (const path of rule?.needs ?? []) {
    const id = path === 'user.id' ? userIdOf(body) : idAt(body, path)
    if (id === null) throw refusal('INVALID_PARAMETER', `${path} is missing, or is neither an integer nor a text.`)
  }
  const transaction = rule?.transaction
  if (transaction === undefined || (valueAt(body, transaction) ?? null) === null) return
  if (idAt(body, transaction) === null) {
    throw refusal('INVALID_PARAMETER', `${transaction} is neither an integer nor a text.`)
  }
}

interface KeyParts {
  readonly type: string
  readonly rule: NotificationRule | null
  readonly body: JsonObject
  readonly rawBody: Buffer
}

/** A notification that comes again names the same transaction. What names none is the same when its bytes are. */
function keyOf({ type, rule, body, rawBody }: KeyParts): string {
  const id = rule?.transaction === undefined ? null : idAt(body, rule.transaction)
  if (id === null) return `${type}:${digestOf(rawBody)}`
  if (rule?.distinguishedBy === undefined) return `${type}:${id}`
  const values = rule.distinguishedBy.map((path) => valueAt(body, path) ?? null)
  return `${type}:${id}:${digestOf(JSON.stringify(values))}`
}

function digestOf(content: Buffer | string): string {
  return createHash('sha256').update(content).digest('hex').slice(0, 40)
}

function valueAt(body: JsonObject, path: string): JsonValue | undefined {
  return path
    .split('.')
    .reduce<JsonValue | undefined>(
      (owner, name) => (isJsonObject(owner) && Object.hasOwn(owner, name) ? owner[name] : undefined),
      body,
    )
}
