import { expect, test } from '@jest/globals'
import { loadGlobalResources } from '../../src/registry/global-resources.ts'
import { nodeAt, parseReference, referencesIn, loadLibrary } from '../../src/registry/references.ts'
import { resolveResource } from '../../src/registry/resolve.ts'
import { RESOURCE_KINDS, toResourceId } from '../../src/registry/resource.ts'

const globals = loadGlobalResources()
const all = RESOURCE_KINDS.flatMap((kind) => globals.list(kind))

test.each(all)('the built-in $title refers only to what exists, and resolves', async (resource) => {
  expect(toResourceId(resource['meta:altId'])).toBe(resource.$id)
  for (const { ref } of referencesIn(resource)) {
    const { id, pointer } = parseReference(ref)
    const owner = id === '' ? resource : globals.find(id)
    expect(owner && nodeAt(owner, pointer)).toBeDefined()
  }
  const library = await loadLibrary(resource, async (id) => globals.find(id))
  const tree = resolveResource(resource, library)
  expect(JSON.stringify(tree)).not.toContain('$ref')
  expect(Object.keys(tree['properties'] ?? {})).not.toHaveLength(0)
})

test('no two built-in resources share an id or a title', () => {
  expect(new Set(all.map(({ $id }) => $id)).size).toBe(all.length)
  expect(new Set(all.map(({ title }) => title)).size).toBe(all.length)
})
