import type { JsonObject } from '../json.ts'
import type { BodyFault } from '../errors.ts'

/** The connection specs and flow specs that the host knows, with their compiled schemas. */
export interface SpecRegistry {
  connectionSpecs(): readonly (JsonObject & { readonly id: string; readonly name: string; readonly version: string })[]
  flowSpecs(): readonly (JsonObject & { readonly id: string; readonly name: string; readonly version: string })[]
  connectionSpec(id: string): ConnectionSpec | null
  flowSpec(id: string): FlowSpec | null
}

export interface ConnectionSpec {
  readonly document: JsonObject & { readonly id: string; readonly name: string; readonly version: string }
  /** The auth spec of that name or type, letter case ignored. */
  authSpec(name: string): AuthSpec | null
  readonly authSpecNames: readonly string[]
  /** Checks a source connection's `params` against `sourceSpec.spec`. */
  validateParams(params: unknown): readonly SpecFault[]
}

export interface AuthSpec {
  readonly name: string
  /** Names of the parameters with `format: password`. */
  readonly secretNames: readonly string[]
  /** The parameters that the spec declares; others are dropped. */
  readonly declaredNames: readonly string[]
  validate(params: unknown): readonly SpecFault[]
}

export interface FlowSpec {
  readonly document: JsonObject & { readonly id: string; readonly name: string; readonly version: string }
  readonly sourceConnectionSpecIds: readonly string[]
  readonly targetConnectionSpecIds: readonly string[]
}

/** `missing`: a required member is absent or empty (1304-400). `invalid`: a wrong type or value (1312-400). */
export interface SpecFault extends BodyFault {
  readonly kind: 'missing' | 'invalid'
}
