import type { Caller } from '../caller.ts'
import { FlowServiceError } from '../errors.ts'
import type { JsonObject } from '../json.ts'
import { checkFlowSpec, idsOf } from './custom-spec-checks.ts'
import type { SpecDocument, SpecRegistry } from './spec-registry.ts'

const SOURCES = 'sourceConnectionSpecIds'

/**
 * A built-in flow spec with the custom sources that the body lists. Everything else stays as it is built in, and so do the
 * sources of other organisations, which the body cannot be expected to know. Throws 1426-400 when the body takes something
 * away.
 */
export function extendedFlowSpec(
  specs: SpecRegistry,
  caller: Caller,
  current: SpecDocument,
  fields: JsonObject,
): SpecDocument {
  if (fields['name'] !== current.name) throw refused(current, `its name must stay ${current.name}`)
  checkFlowSpec(specs, fields)
  const asked = idsOf(fields, SOURCES)
  const staying = idsOf(current, SOURCES).filter((id) => !isOwn(specs, caller, id))
  const lost = staying.find((id) => isBuiltIn(specs, id) && !asked.includes(id))
  if (lost !== undefined) throw refused(current, `${SOURCES} must keep ${lost}`)
  return { ...current, [SOURCES]: [...new Set([...staying, ...asked])] }
}

/** The built-in flow spec of this version with the custom sources that were stored by any version. */
export function mergedFlowSpec(builtIn: SpecDocument, stored: JsonObject): SpecDocument {
  const { updatedAt, updatedBy, updatedClient } = stored
  const ids = [...new Set([...idsOf(builtIn, SOURCES), ...idsOf(stored, SOURCES)])]
  return { ...builtIn, updatedAt, updatedBy, updatedClient, [SOURCES]: ids }
}

function isBuiltIn(specs: SpecRegistry, id: string): boolean {
  return specs.connectionSpec(id)?.document['imsOrgId'] === undefined
}

function isOwn(specs: SpecRegistry, { tenant }: Caller, id: string): boolean {
  return specs.connectionSpec(id)?.document['imsOrgId'] === tenant.orgId
}

function refused({ name }: SpecDocument, reason: string): FlowServiceError {
  return new FlowServiceError(
    '1426-400',
    `The built-in flow spec ${name} can only be given further sources: ${reason}.`,
  )
}
