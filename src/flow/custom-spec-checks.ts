import { isJsonObject } from '../json.ts'
import type { JsonObject, JsonValue } from '../json.ts'
import type { SourcePlugin } from '../plugins/plugin.ts'
import { RestSpecError } from '../plugins/rest/spec-reader.ts'
import { Faults } from '../request-body.ts'
import { short } from './entity.ts'
import { createParameterCompiler } from './parameter-schema.ts'
import type { SpecDocument, SpecRegistry } from './spec-registry.ts'

/**
 * Notes what no JSON Schema can say about a connection spec: its parameter schemas must compile and its source must be
 * one that can be read. Returns the plugin that reads it, null when the spec describes no source.
 */
export function checkConnectionSpec(
  faults: Faults,
  document: SpecDocument,
  createPlugin: (document: SpecDocument) => SourcePlugin,
): SourcePlugin | null {
  const authSpecs = Array.isArray(document['authSpec']) ? document['authSpec'] : []
  authSpecs.forEach((entry: JsonValue, index) => checkParameters(faults, entry, `/authSpec/${index}/spec`))
  checkParameters(faults, document['sourceSpec'], '/sourceSpec/spec')
  if (document['sourceSpec'] === undefined) return null
  try {
    return createPlugin(document)
  } catch (error) {
    if (!(error instanceof RestSpecError)) throw error
    for (const { path, message, code } of error.faults) faults.invalid(path, message, code)
    return null
  }
}

/** Throws 1413-400 when a flow spec names a connection spec that nobody knows. */
export function checkFlowSpec(specs: SpecRegistry, document: JsonObject): void {
  const faults = new Faults()
  for (const member of ['sourceConnectionSpecIds', 'targetConnectionSpecIds']) {
    for (const [index, id] of idsOf(document, member).entries()) {
      if (specs.connectionSpec(id) !== null) continue
      const path = `/${member}/${index}`
      faults.invalid(
        path,
        `${path} "${short(id)}" is no connection spec that this server knows; create it first.`,
        '1413-400',
      )
    }
  }
  faults.throwIfAny()
}

export function idsOf(document: JsonObject, member: string): readonly string[] {
  const value = document[member]
  return Array.isArray(value) ? value.filter((id) => typeof id === 'string') : []
}

function checkParameters(faults: Faults, owner: JsonValue | undefined, path: string): void {
  const schema = isJsonObject(owner) && isJsonObject(owner['spec']) ? owner['spec'] : {}
  // Such a schema would answer later, when nobody listens any more.
  if (JSON.stringify(schema).includes('"$async"')) {
    faults.invalid(path, `${path} uses $async, which is not available; remove it.`)
    return
  }
  try {
    createParameterCompiler({ foreign: true })(schema)
  } catch (error) {
    const reason = short(error instanceof Error ? error.message : String(error))
    faults.invalid(path, `${path} is no draft-07 schema that can be used: ${reason}.`)
  }
}
