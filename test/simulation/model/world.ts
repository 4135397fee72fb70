import type { JsonObject } from '../../../src/json.ts'
import type { Rng } from '../rng.ts'
import { KINDS, ModelObject, type Kind } from './model-object.ts'

export interface WorldRules {
  /** How often an object becomes visible late, 0 to 1. */
  readonly lateRate: number
  /** So much late at most, ms. */
  readonly latestMs: number
  /** How often an event is doubled by another that announces the same change, 0 to 1. */
  readonly repeatRate: number
}

/** Everything that the model's account holds, with its whole past. */
export class World {
  readonly rules: WorldRules
  readonly #rng: Rng
  readonly #lists = new Map<Kind, ModelObject[]>(KINDS.map((kind) => [kind, []]))
  readonly #byId = new Map<string, ModelObject>()
  #ids = 0

  readonly #trace: ((line: string) => void) | undefined

  /** @param trace - told of everything that happens, when somebody watches */
  constructor(rng: Rng, rules: WorldRules, trace?: (line: string) => void) {
    this.#rng = rng
    this.#trace = trace
    this.rules = rules
  }

  /** Every object of a kind in the order of its list, newest first; also what the list does not show. */
  list(kind: Kind): readonly ModelObject[] {
    return this.#lists.get(kind)!
  }

  find(id: string): ModelObject | undefined {
    return this.#byId.get(id)
  }

  /** Ids are unique and tell nothing about the order of creation. */
  nextId(prefix: string): string {
    this.#ids += 1
    return `${prefix}_${this.#rng.int(0, 36 ** 4).toString(36)}${this.#ids.toString(36)}`
  }

  /** @param at - when it comes into being, ms */
  create(kind: Kind, at: number, body: JsonObject & { readonly id: string }, isInline = false): ModelObject {
    const { lateRate, latestMs } = this.rules
    const object = new ModelObject({
      kind,
      id: body.id,
      at,
      body,
      isInline,
      tie: this.#rng.float(),
      lagMs: this.#rng.chance(lateRate) ? this.#rng.int(0, latestMs) : 0,
      retrievalLags: this.#rng.chance(0.3),
    })
    const list = this.#lists.get(kind)!
    const isBefore = (other: ModelObject) =>
      other.created > object.created || (other.created === object.created && other.tie < object.tie)
    let index = 0
    while (index < list.length && isBefore(list[index]!)) index++
    list.splice(index, 0, object)
    this.#byId.set(object.id, object)
    this.#trace?.(`world: ${kind} ${body.id} from ${time(at)}, listed from ${time(object.visibleAt)}`)
    return object
  }

  /** Gives the object a new state; returns it. */
  change(object: ModelObject, at: number, members: JsonObject): JsonObject {
    const before = object.at(at)
    const body = { ...before, ...members, metadata: { rev: String(object.versions.length) } }
    object.versions.push({ at, body })
    this.#trace?.(`world: ${object.id} changed to version ${object.versions.length - 1} at ${time(at)}`)
    return body
  }

  delete(object: ModelObject, at: number): void {
    object.deletedAt = at
    this.#trace?.(`world: ${object.id} deleted at ${time(at)}`)
  }

  /** Announces a change; sometimes twice. */
  announce(type: string, at: number, snapshot: JsonObject): void {
    const times = this.#rng.chance(this.rules.repeatRate) ? 2 : 1
    for (let time = 0; time < times; time++) {
      const id = this.nextId('evt')
      const created = Math.floor(at / 1000)
      const body = { id, object: 'event', api_version: '2020-08-27', created, type, data: { object: snapshot } }
      this.#trace?.(`world: ${id} ${type} of ${String(snapshot.id)}`)
      this.create('events', at, body)
    }
  }
}

function time(at: number): string {
  return new Date(at).toISOString()
}
