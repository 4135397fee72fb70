import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { afterEach, beforeEach, expect, test } from '@jest/globals'
import { createMadeFiles } from '../../../src/catalog/files/made-files.ts'

let root: string

beforeEach(async () => {
  root = path.join(await mkdtemp(path.join(tmpdir(), 'made-')), 'files')
})

afterEach(() => rm(path.dirname(root), { recursive: true, force: true }))

test('a file is made once for all who ask, and kept', async () => {
  const files = createMadeFiles(root)
  let made = 0
  const get = () => files.get('1/batch/a', (target) => writeFile(target, `made ${++made}`))
  const paths = await Promise.all([get(), get(), get()])
  await get()
  expect(new Set(paths)).toEqual(new Set([path.join(root, '1/batch/a')]))
  expect(await readFile(paths[0]!, 'utf8')).toBe('made 1')
})

test('a file whose making failed is not there, and the next who asks makes it', async () => {
  const files = createMadeFiles(root)
  const failing = files.get('a', async (target) => {
    await writeFile(target, 'half')
    throw new Error('disk full')
  })
  await expect(failing).rejects.toThrow('disk full')
  expect(await readdir(root)).toEqual(['.making'])
  expect(await readdir(path.join(root, '.making'))).toEqual([])
  expect(await readFile(await files.get('a', (target) => writeFile(target, 'whole')), 'utf8')).toBe('whole')
})

test('what a process that died was making is gone at the next use', async () => {
  await mkdir(path.join(root, '.making', 'file-x'), { recursive: true })
  await writeFile(path.join(root, '.making', 'file-x', 'made'), 'half')
  await createMadeFiles(root).get('a', (target) => writeFile(target, 'whole'))
  expect(await readdir(path.join(root, '.making'))).toEqual([])
})

test('a folder that cannot be made is tried again', async () => {
  await writeFile(root, 'in the way')
  const files = createMadeFiles(root)
  const make = () => files.get('a', (target) => writeFile(target, 'whole'))
  await expect(make()).rejects.toThrow(/EEXIST|ENOTDIR/)
  await rm(root)
  expect(await readFile(await make(), 'utf8')).toBe('whole')
})
