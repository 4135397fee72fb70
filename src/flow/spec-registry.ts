import type { BodyFault } from '../errors.ts'
import { isJsonObject } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import { createParameterCompiler } from './parameter-schema.ts'
import type { ParameterCompiler } from './parameter-schema.ts'

/** A connection spec or flow spec in its wire form. */
export type SpecDocument = JsonObject & { readonly id: string; readonly name: string; readonly version: string }

/** The connection specs and flow specs that the host knows, with their compiled schemas. */
export interface SpecRegistry {
  connectionSpecs(): readonly SpecDocument[]
  flowSpecs(): readonly SpecDocument[]
  connectionSpec(id: string): ConnectionSpec | null
  flowSpec(id: string): FlowSpec | null
}

/** A registry that takes in custom specs. A spec whose id is known takes the place of the one before. */
export interface OpenSpecRegistry extends SpecRegistry {
  /** Throws when one of its parameter schemas does not compile. */
  putConnectionSpec(document: SpecDocument): void
  putFlowSpec(document: SpecDocument): void
}

export interface ConnectionSpec {
  readonly document: SpecDocument
  /** The auth spec of that name or type, letter case ignored. */
  authSpec(name: string): AuthSpec | null
  readonly authSpecNames: readonly string[]
  /**
   * Checks a source connection's `params` against `sourceSpec.spec`. Paths of the faults start at `params`; members that
   * the schema does not declare are no fault.
   */
  validateParams(params: unknown): readonly SpecFault[]
}

export interface AuthSpec {
  readonly name: string
  /** Names of the parameters with `format: password`. */
  readonly secretNames: readonly string[]
  /** Those of them that may be given as several, in an array or in one text with commas or spaces between them. */
  readonly secretListNames: readonly string[]
  /** The parameters that the spec declares; others are dropped. */
  readonly declaredNames: readonly string[]
  /** Checks `auth.params`. Paths of the faults start there; no message holds the value of a secret. */
  validate(params: unknown): readonly SpecFault[]
}

export interface FlowSpec {
  readonly document: SpecDocument
  readonly sourceConnectionSpecIds: readonly string[]
  readonly targetConnectionSpecIds: readonly string[]
}

/** `missing`: a required member is absent or empty (1304-400). `invalid`: a wrong type or value (1312-400). */
export interface SpecFault extends BodyFault {
  readonly kind: 'missing' | 'invalid'
}

/** Compiles the schemas of all documents, once. Throws when one of them is no valid draft-07 schema. */
export function createSpecRegistry(documents: {
  readonly connectionSpecs: readonly SpecDocument[]
  readonly flowSpecs: readonly SpecDocument[]
}): OpenSpecRegistry {
  const compile = createParameterCompiler()
  const connectionSpecs = byId(documents.connectionSpecs.map((document) => connectionSpec(document, compile)))
  const flowSpecs = byId(documents.flowSpecs.map(flowSpec))
  return {
    connectionSpecs: () => [...connectionSpecs.values()].map(({ document }) => document),
    flowSpecs: () => [...flowSpecs.values()].map(({ document }) => document),
    connectionSpec: (id) => connectionSpecs.get(id) ?? null,
    flowSpec: (id) => flowSpecs.get(id) ?? null,
    putConnectionSpec(document) {
      connectionSpecs.set(document.id, compileForeignSpec(document))
    },
    putFlowSpec(document) {
      flowSpecs.set(document.id, flowSpec(document))
    },
  }
}

/** A connection spec from outside. Throws when one of its parameter schemas does not compile. */
export function compileForeignSpec(document: SpecDocument): ConnectionSpec {
  return connectionSpec(document, createParameterCompiler({ foreign: true }))
}

function connectionSpec(document: SpecDocument, compile: ParameterCompiler): ConnectionSpec {
  const authSpecs = objects(document['authSpec']).map((entry) => {
    const schema = compile(member(entry, 'spec'))
    const names = [entry['name'], entry['type']].filter((name) => typeof name === 'string')
    return {
      aliases: names.map((name) => name.toLowerCase()),
      spec: {
        name: names[0] ?? '',
        secretNames: schema.secretNames,
        secretListNames: schema.secretListNames,
        declaredNames: schema.declaredNames,
        validate: schema.validate,
      } satisfies AuthSpec,
    }
  })
  return {
    document,
    authSpec: (name) => authSpecs.find(({ aliases }) => aliases.includes(name.toLowerCase()))?.spec ?? null,
    authSpecNames: authSpecs.map(({ spec }) => spec.name),
    validateParams: compile(member(member(document, 'sourceSpec'), 'spec')).validate,
  }
}

function flowSpec(document: SpecDocument): FlowSpec {
  return {
    document,
    sourceConnectionSpecIds: strings(document['sourceConnectionSpecIds']),
    targetConnectionSpecIds: strings(document['targetConnectionSpecIds']),
  }
}

function byId<T extends { readonly document: SpecDocument }>(specs: readonly T[]): Map<string, T> {
  return new Map(specs.map((spec) => [spec.document.id, spec]))
}

function member(document: JsonObject, name: string): JsonObject {
  const value = document[name]
  return isJsonObject(value) ? value : {}
}

function objects(value: JsonValue | undefined): readonly JsonObject[] {
  return Array.isArray(value) ? value.filter(isJsonObject) : []
}

function strings(value: JsonValue | undefined): readonly string[] {
  return Array.isArray(value) ? value.filter((entry) => typeof entry === 'string') : []
}
