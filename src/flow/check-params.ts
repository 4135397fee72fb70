import type { JsonObject } from '../json.ts'
import type { FlowContext } from './context.ts'
import type { SpecFault } from './spec-registry.ts'

/**
 * What is wrong with the `params` of a source connection or of explore: by the schema of the connection spec, and once it
 * finds no wrong value by the plugin that serves the spec. Paths start at `params`.
 */
export function checkParams(
  { specs, plugins }: Pick<FlowContext, 'specs' | 'plugins'>,
  connectionSpecId: string,
  params: JsonObject,
): readonly SpecFault[] {
  const faults = specs.connectionSpec(connectionSpecId)?.validateParams(params) ?? []
  if (faults.some(({ kind }) => kind === 'invalid')) return faults
  const further = plugins.get(connectionSpecId)?.checkParams?.(params) ?? []
  return [...faults, ...further.map((fault) => ({ kind: 'invalid' as const, ...fault }))]
}
