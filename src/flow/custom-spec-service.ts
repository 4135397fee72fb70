import type { Caller } from '../caller.ts'
import { FlowServiceError, notFound } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import type { SourcePlugin } from '../plugins/plugin.ts'
import type { StoredEntity } from '../store/store.ts'
import { Faults, parseBodyObject } from '../request-body.ts'
import type { FlowContext } from './context.ts'
import { checkConnectionSpec, checkFlowSpec } from './custom-spec-checks.ts'
import { extendedFlowSpec, mergedFlowSpec } from './custom-spec-builtin.ts'
import { createdFields } from './created-fields.ts'
import { connectionSpecFields, flowSpecFields, updatedFields } from './custom-spec-fields.ts'
import { createEtag } from './etag.ts'
import type { OpenSpecRegistry, SpecDocument } from './spec-registry.ts'
import { loadSpecSchema } from './spec-schema.ts'

/** Connection specs and flow specs that clients bring along. Every method throws `FlowServiceError`. */
export interface CustomSpecService {
  /** Makes known what is stored; called once, before the host answers. A spec that is no longer valid is left out. */
  load(): Promise<void>
  createConnectionSpec(caller: Caller, body: unknown): Promise<SpecDocument>
  /** Replaces all of a spec but its id and creation fields; 1426-400 for a built-in or another organisation's spec. */
  replaceConnectionSpec(caller: Caller, id: string, body: unknown): Promise<SpecDocument>
  createFlowSpec(caller: Caller, body: unknown): Promise<SpecDocument>
  /** As for connection specs, but a built-in flow spec may be given further source connection specs. */
  replaceFlowSpec(caller: Caller, id: string, body: unknown): Promise<SpecDocument>
}

export interface CustomSpecOptions {
  readonly specs: OpenSpecRegistry
  /** Takes in a plugin for every custom spec that describes a source. */
  readonly plugins: Map<string, SourcePlugin>
  /** Throws `RestSpecError` when the spec cannot be interpreted. */
  readonly createPlugin: (document: SpecDocument) => SourcePlugin
}

type SpecCollection = 'connectionSpecs' | 'flowSpecs'

/** Specs are visible to every organisation, so they are stored under none; no caller can have this name. */
const SHARED = { orgId: '*', sandboxName: '*', sandboxId: '*' }
const PAGE_SIZE = 500

export function createCustomSpecService(
  { store, clock, newId, logger }: Pick<FlowContext, 'store' | 'clock' | 'newId' | 'logger'>,
  { specs, plugins, createPlugin }: CustomSpecOptions,
): CustomSpecService {
  const schema = loadSpecSchema()
  let lastWrite: Promise<unknown> = Promise.resolve()

  /** Writes come one after the other, so that a name is free from its check to its insert. */
  function exclusive<T>(write: () => Promise<T>): Promise<T> {
    const mine = lastWrite.then(write)
    lastWrite = mine.catch(() => {})
    return mine
  }

  /** The valid document with its plugin; null when it describes no source. */
  function readConnectionSpec(document: SpecDocument): SourcePlugin | null {
    const faults = new Faults()
    const plugin = checkConnectionSpec(faults, document, createPlugin)
    faults.throwIfAny()
    return plugin
  }

  function registerConnectionSpec(document: SpecDocument, plugin: SourcePlugin | null): void {
    specs.putConnectionSpec(document)
    if (plugin === null) plugins.delete(document.id)
    else plugins.set(document.id, plugin)
  }

  function parseBody(kind: 'connectionSpec' | 'flowSpec', body: unknown): JsonObject {
    const object = parseBodyObject(body)
    const faults = new Faults()
    schema.check(faults, kind, object)
    faults.throwIfAny()
    return object
  }

  function assertNameFree(documents: readonly SpecDocument[], { id, name }: SpecDocument): void {
    const taken = documents.find((document) => document.name === name && document.id !== id)
    if (taken === undefined) return
    const message = `/name "${name}" is the name of spec ${taken.id}; give one that no other spec has.`
    throw new FlowServiceError('1312-400', message, { faults: [{ path: '/name', message }] })
  }

  async function insert(kind: SpecCollection, document: SpecDocument): Promise<void> {
    await store.entities.insert({ kind, tenant: SHARED, etag: createEtag(clock.now()), document })
  }

  async function update(entity: StoredEntity, document: SpecDocument): Promise<void> {
    const etag = createEtag(clock.now(), entity.etag)
    if (await store.entities.update(entity, { etag, document })) return
    throw new FlowServiceError('1103-503', `Spec ${document.id} was changed at the same time; send the request again.`)
  }

  /** The stored spec, when the caller's organisation made it. */
  async function findOwn(caller: Caller, kind: SpecCollection, id: string): Promise<StoredEntity> {
    const entity = await store.entities.get(SHARED, kind, id)
    if (entity === null) {
      const known = kind === 'connectionSpecs' ? specs.connectionSpec(id) : specs.flowSpec(id)
      throw known === null ? notFound(kind, id) : notYours(`${kind} ${id} is built in; create a spec of your own.`)
    }
    if (entity.document['imsOrgId'] === caller.tenant.orgId) return entity
    throw notYours(`${kind} ${id} was made by another organisation; create a spec of your own.`)
  }

  async function stored(kind: SpecCollection): Promise<readonly StoredEntity[]> {
    const order = [{ path: ['createdAt'], direction: 'asc' as const }]
    const found: StoredEntity[] = []
    for (;;) {
      const last = found.at(-1)
      const after = last === undefined ? null : store.entities.positionOf(last, order)
      const page = await store.entities.list(SHARED, kind, { filter: [], order, limit: PAGE_SIZE, after })
      found.push(...page)
      if (page.length < PAGE_SIZE) return found
    }
  }

  /** A built-in flow spec is stored once a source was added to it; before that it is only a file. */
  async function extendFlowSpec(caller: Caller, id: string, body: unknown): Promise<SpecDocument> {
    const current = specs.flowSpec(id)
    if (current === null) throw notFound('flowSpecs', id)
    const fields = flowSpecFields(parseBody('flowSpec', body))
    const document = {
      ...extendedFlowSpec(specs, caller, current.document, fields),
      ...updatedFields(caller, clock.now()),
    }
    const entity = await store.entities.get(SHARED, 'flowSpecs', id)
    await (entity === null ? insert('flowSpecs', document) : update(entity, document))
    specs.putFlowSpec(document)
    return document
  }

  const builtInFlowSpecs = new Set(specs.flowSpecs().map(({ id }) => id))

  return {
    async load() {
      const leaveOut = (entity: StoredEntity, err: unknown) =>
        logger.error({ err, specId: entity.id }, 'A stored spec is no longer valid and is left out')
      for (const entity of await stored('connectionSpecs')) {
        const document = entity.document as SpecDocument
        try {
          registerConnectionSpec(document, readConnectionSpec(document))
        } catch (error) {
          leaveOut(entity, error)
        }
      }
      for (const { id, document } of await stored('flowSpecs')) {
        const builtIn = specs.flowSpec(id)
        specs.putFlowSpec(builtIn === null ? (document as SpecDocument) : mergedFlowSpec(builtIn.document, document))
      }
    },

    createConnectionSpec: (caller, body) =>
      exclusive(async () => {
        const fields = connectionSpecFields(parseBody('connectionSpec', body))
        const document = { ...createdFields(caller, newId(), clock.now()), ...fields }
        const plugin = readConnectionSpec(document)
        assertNameFree(specs.connectionSpecs(), document)
        await insert('connectionSpecs', document)
        registerConnectionSpec(document, plugin)
        return document
      }),

    replaceConnectionSpec: (caller, id, body) =>
      exclusive(async () => {
        const entity = await findOwn(caller, 'connectionSpecs', id)
        const fields = connectionSpecFields(parseBody('connectionSpec', body))
        const document = { ...kept(entity.document), ...updatedFields(caller, clock.now()), ...fields }
        const plugin = readConnectionSpec(document)
        assertNameFree(specs.connectionSpecs(), document)
        await update(entity, document)
        registerConnectionSpec(document, plugin)
        return document
      }),

    createFlowSpec: (caller, body) =>
      exclusive(async () => {
        const fields = flowSpecFields(parseBody('flowSpec', body))
        const document = { ...createdFields(caller, newId(), clock.now()), ...fields }
        checkFlowSpec(specs, document)
        assertNameFree(specs.flowSpecs(), document)
        await insert('flowSpecs', document)
        specs.putFlowSpec(document)
        return document
      }),

    replaceFlowSpec: (caller, id, body) =>
      exclusive(async () => {
        if (builtInFlowSpecs.has(id)) return extendFlowSpec(caller, id, body)
        const entity = await findOwn(caller, 'flowSpecs', id)
        const fields = flowSpecFields(parseBody('flowSpec', body))
        const document = { ...kept(entity.document), ...updatedFields(caller, clock.now()), ...fields }
        checkFlowSpec(specs, document)
        assertNameFree(specs.flowSpecs(), document)
        await update(entity, document)
        specs.putFlowSpec(document)
        return document
      }),
  }
}

/** What a replacement leaves as it is. */
function kept(document: JsonObject): JsonObject & { readonly id: string } {
  const { id, createdAt, createdBy, createdClient, imsOrgId, sandboxId, sandboxName } = document
  return { id: String(id), createdAt, createdBy, createdClient, imsOrgId, sandboxId, sandboxName }
}

function notYours(message: string): FlowServiceError {
  return new FlowServiceError('1426-400', message)
}
