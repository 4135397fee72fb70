import { readFileSync } from 'node:fs'
import { createSpecRegistry } from './spec-registry.ts'
import type { OpenSpecRegistry, SpecDocument } from './spec-registry.ts'

/** The package's root: two folders up, from `src/flow` as well as from `dist/flow`. */
const PACKAGE_ROOT = new URL('../../', import.meta.url)

/** In the order in which they are listed. */
const CONNECTION_SPEC_FILES = [
  'connection-spec.json',
  'specs/data-lake.connection-spec.json',
  'specs/xsolla.connection-spec.json',
]
const FLOW_SPEC_FILES = ['specs/rest.flow-spec.json']

/** The built-in specs, read from the package's JSON files. Throws when a file is missing or its schemas do not compile. */
export function loadSpecRegistry(): OpenSpecRegistry {
  return createSpecRegistry({
    connectionSpecs: CONNECTION_SPEC_FILES.map(readSpecFile),
    flowSpecs: FLOW_SPEC_FILES.map(readSpecFile),
  })
}

/** One spec document by its path from the package's root, for example `connection-spec.json`. */
export function readSpecFile(path: string): SpecDocument {
  return JSON.parse(readFileSync(new URL(path, PACKAGE_ROOT), 'utf8'))
}
