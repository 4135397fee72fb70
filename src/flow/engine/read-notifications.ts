import type { JsonObject } from '../../json.ts'
import { mapSideBySide } from '../../map-side-by-side.ts'
import type { NamedObjects, SourceRecord } from '../../plugins/plugin.ts'
import type { DeliveryCause, WebhookEvent } from '../../store/store.ts'
import { allOver } from '../../all-over.ts'
import type { Checkpoint } from './checkpoint.ts'
import { NO_OBSERVATION, NOTHING_OBSERVED, observeRecords, withCause } from './observe-records.ts'
import { Stopped } from './patience.ts'
import { readAndCommit, withPasses, type ReadObjectsEffects, type ReadObjectsOptions } from './read-changes.ts'
import { readLists, type ReadListsOptions } from './read-lists.ts'
import { flowBeginning } from './run-window.ts'
import type { RunStagesOptions } from './run-stages.ts'

/** The longest that one run takes notifications; the next one goes on. */
const LONGEST_RUN_MS = 60_000

/** While they keep coming, they are handled in steps so far apart: each step waits for the disk, as do those who send. */
const STEP_EVERY_MS = 100

/** Notifications handled in one step: what they name is read side by side and stored with the position. */
const STEP_SIZE = 100

export interface ReadNotificationsOptions extends RunStagesOptions {
  readonly objects: ReadObjectsOptions
  /** True when a run over the flow's own base connection delivered the object. */
  readonly isOwnRun: (runNo: number) => Promise<boolean>
  readonly lists: Omit<ReadListsOptions, 'committer'> & Pick<ReadObjectsOptions, 'committer'>
}

/** A notification with what it names or carries. */
interface NotificationContent extends Partial<NamedObjects> {
  readonly event: WebhookEvent
  readonly records?: readonly SourceRecord[]
}

/** Notifications that one run can take together. */
interface Step {
  readonly contents: readonly NotificationContent[]
  /** Nothing further can be taken by the same run. */
  readonly isLast: boolean
}

/**
 * Takes the notifications in the inbox from the flow's position on, until there are no more. The position moves in the
 * transaction that stores what they name, so nothing is lost or taken twice however the run ends. A run delivers no
 * object twice: a notification about one that this run has read is left to the next run.
 */
export async function readNotifications(options: ReadNotificationsOptions): Promise<void> {
  const { context, committer, stop, hasDelivered } = options
  const until = context.clock.now() + LONGEST_RUN_MS
  const read = new Set<string>()
  // Which objects the run had read before it was interrupted is not known any more.
  let isOver = hasDelivered
  while (!isOver && context.clock.now() < until) {
    if (stop.aborted) throw new Stopped()
    const begunAt = context.clock.now()
    const step = await nextStep(options, read)
    if (step.contents.length > 0) await take(options, step.contents)
    for (const id of step.contents.flatMap(idsOf)) read.add(id)
    isOver = step.isLast || (await isAwaited(options))
    if (!isOver) await context.clock.sleep(pauseAfter(begunAt, context.clock.now()), stop)
  }
  const { notifications } = committer.checkpoint
  // Stored with the run's end.
  committer.restart({ ...committer.checkpoint, notifications: { taken: notifications?.taken ?? 0, done: true } })
}

/** How long to wait after a step that began then, ms; never longer than the distance, also when the clock is set back. */
function pauseAfter(begunAt: number, now: number): number {
  return Math.min(STEP_EVERY_MS, Math.max(0, begunAt + STEP_EVERY_MS - now))
}

/** Another run or an audit of the flow waits for this one. */
async function isAwaited({ context, parts }: ReadNotificationsOptions): Promise<boolean> {
  return (await context.store.runs.openRuns(parts.flow.no)).length > 1
}

async function nextStep(options: ReadNotificationsOptions, read: ReadonlySet<string>): Promise<Step> {
  const { context, parts, reader } = options
  const { webhooks } = parts.plugin
  if (webhooks === undefined) return { contents: [], isLast: true }
  const events = await context.store.webhooks.pending({
    connectionNo: parts.base.no,
    types: webhooks.typesOf(parts.resource.resourcePath),
    position: await context.store.webhooks.position(parts.flow.no),
    limit: STEP_SIZE,
  })
  const contents = await mapSideBySide(events, reader.parallelism, (event) => contentOf(options, event))
  const taken = takenTogether(contents, read)
  const hasPasses = taken.some(({ listPasses = [] }) => listPasses.length > 0)
  return { contents: taken, isLast: events.length === 0 || taken.length < contents.length || hasPasses }
}

async function contentOf(
  { parts, reader }: ReadNotificationsOptions,
  event: WebhookEvent,
): Promise<NotificationContent> {
  const body = JSON.parse(event.body) as JsonObject
  const { webhooks } = parts.plugin
  if (webhooks?.recordsOf === undefined) return { event, ...(await reader.readNotification(body)) }
  const { key, type, subjectId, occurredAt } = event
  const { resourcePath } = parts.resource
  return { event, records: webhooks.recordsOf({ key, type, subjectId, occurredAt, body }, resourcePath) }
}

/**
 * The first of the notifications, up to one that this run cannot take any more because it would have to deliver an object
 * again. What several of them name is read once; each record that one carries is a version of its own.
 */
function takenTogether(
  contents: readonly NotificationContent[],
  read: ReadonlySet<string>,
): readonly NotificationContent[] {
  const carried = new Set<string>()
  const end = contents.findIndex((content) => {
    const { listPasses = [], records = [] } = content
    // Which objects a list shows is known only when it is read.
    if (listPasses.length > 0 && read.size > 0) return true
    if (idsOf(content).some((id) => read.has(id) || carried.has(id))) return true
    for (const { id } of records) if (id !== null) carried.add(id)
    return false
  })
  return end === -1 ? contents : contents.slice(0, end)
}

function idsOf({ objectIds = [], records = [] }: NotificationContent): readonly string[] {
  return [...objectIds, ...records.flatMap(({ id }) => id ?? [])]
}

/**
 * Objects that came over another connection. An event may be of another account, whose objects this one does not know: that
 * must not count as their deletion.
 */
async function foreignIds(
  { objects, isOwnRun }: ReadNotificationsOptions,
  ids: readonly string[],
): Promise<ReadonlySet<string>> {
  const foreign = new Set<string>()
  if (!objects.deletable || ids.length === 0) return foreign
  for (const { objectId, runNo } of await objects.records.versionsOf(objects.target, ids)) {
    // A tombstone of what was never delivered is nobody's.
    if (runNo > 0 && !(await isOwnRun(runNo))) foreign.add(objectId)
  }
  return foreign
}

async function take(options: ReadNotificationsOptions, contents: readonly NotificationContent[]): Promise<void> {
  const { committer, parts, objects, lists, save } = options
  const passes = contents.flatMap(({ listPasses = [] }) => listPasses)
  if (passes.length > 0) {
    committer.restart(await save(withPasses({ ...committer.checkpoint, ranges: [] }, passes)))
    await readLists(lists)
  }
  const position = contents.at(-1)!.event.number
  const advance = (checkpoint: Checkpoint): Checkpoint => ({
    ...checkpoint,
    notifications: { taken: (checkpoint.notifications?.taken ?? 0) + contents.length, done: false },
  })
  const alsoStore: ReadObjectsEffects['alsoStore'] = (scope) => scope.webhooks.savePosition(parts.flow.no, position)

  if (contents.some(({ records }) => records !== undefined)) {
    const stored = contents.flatMap(({ event, records = [] }) =>
      records.map((record) =>
        committer.commit({
          observed: withCause(observeRecords([record], parts.mapper), causeOf(event)),
          observation: { observedAt: event.receivedAt },
          advance: (checkpoint) => checkpoint,
        }),
      ),
    )
    const nothing = { observed: NOTHING_OBSERVED, observation: NO_OBSERVATION }
    await allOver([...stored, committer.commit({ ...nothing, advance, alsoStore })])
    return
  }
  const createdFrom = Math.ceil(flowBeginning(parts.schedule) / 1000)
  const ids = [...new Set(contents.flatMap(({ objectIds = [] }) => objectIds))]
  const causes = causesOf(contents)
  const foreign = await foreignIds(options, ids)
  if (foreign.size > 0) {
    const kept = { ...objects, createdFrom, causes, deletable: false }
    await readAndCommit(kept, [...foreign], {})
  }
  const own = ids.filter((id) => !foreign.has(id))
  await readAndCommit({ ...objects, createdFrom, causes }, own, { advance, alsoStore })
}

/** The newest notification about each object; of several at one time the one that came last. */
function causesOf(contents: readonly NotificationContent[]): ReadonlyMap<string, DeliveryCause> {
  const causes = new Map<string, DeliveryCause>()
  for (const { event, objectIds = [] } of contents) {
    const cause = causeOf(event)
    for (const id of objectIds) if ((causes.get(id)?.createdAt ?? -Infinity) <= cause.createdAt) causes.set(id, cause)
  }
  return causes
}

function causeOf({ key, type, occurredAt }: WebhookEvent): DeliveryCause {
  return { eventId: key, type, createdAt: occurredAt }
}
