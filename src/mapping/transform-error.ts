import type { MappingRule } from './mapper.ts'
import type { TargetType } from './target-type.ts'

/** What is wrong with one mapping, in the form of Data Prep. */
export interface TransformError {
  readonly source: string
  readonly sourceType: string
  readonly destination: string
  readonly exception: string
}

export function toTransformError({ source, sourceType, destination }: MappingRule, exception: string): TransformError {
  return { source, sourceType, destination, exception }
}

/** The target schema of that id; null when the tenant has none such, or nobody can tell. */
export type FindSchema = (schemaId: string) => Promise<TargetType | null>
