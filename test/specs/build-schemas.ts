/**
 * Writes `specs/schemas/<resourcePath>.json`, the schemas that explore answers for an account without objects, from the
 * samples beside this file. Run it after a sample changed: `node test/specs/build-schemas.ts`.
 *
 * A sample file holds objects as Stripe's list calls answer them, of old and of new API versions, so that the schema has
 * the attributes of both. Attributes that appear only when a caller asks to expand them (`charge.refunds`) are not in it.
 */
import { readFileSync, writeFileSync } from 'node:fs'
import { inferSchema } from '../../src/flow/explore/infer-schema.ts'
import type { JsonObject } from '../../src/json.ts'

const SCHEMAS = new URL('../../specs/schemas/', import.meta.url)

/** The sampled objects of one resource path. */
export function readSamples(resourcePath: string): readonly JsonObject[] {
  return JSON.parse(readFileSync(new URL(`samples/${resourcePath}.json`, import.meta.url), 'utf8'))
}

/** What the schema file of a resource path must hold. */
export function schemaFromSamples(resourcePath: string): JsonObject {
  return inferSchema(readSamples(resourcePath).map((data) => ({ data })))
}

export function readSchema(resourcePath: string): JsonObject {
  return JSON.parse(readFileSync(new URL(`${resourcePath}.json`, SCHEMAS), 'utf8'))
}

if (process.argv[1] === import.meta.filename) {
  const spec = JSON.parse(readFileSync(new URL('../../connection-spec.json', import.meta.url), 'utf8'))
  for (const resourcePath of spec.sourceSpec.spec.properties.resourcePath.enum) {
    const text = JSON.stringify(schemaFromSamples(resourcePath), null, 2)
    writeFileSync(new URL(`${resourcePath}.json`, SCHEMAS), `${text}\n`)
  }
}
