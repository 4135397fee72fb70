import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import { expect, test } from '@jest/globals'
import { createStripeSandbox } from '../../src/sandbox/stripe/sandbox.ts'
import { startProcess } from '../support/start-process.ts'

const README = await readFile(new URL('../../README.md', import.meta.url), 'utf8')

/** What `npx stripe-flow-source` starts in the project's folder. */
const COMMAND = fileURLToPath(new URL('../../bin/stripe-flow-source.js', import.meta.url))

test('the README’s walk works as it is printed', async () => {
  const sandbox = await createStripeSandbox({ counts: { charges: 250 } })
  const folder = await mkdtemp(join(tmpdir(), 'flow-readme-'))
  const host = startProcess({ DATA_DIR: join(folder, 'data'), STRIPE_API_BASE: sandbox.url, LOG_LEVEL: 'warn' })
  try {
    const [, url = ''] = await host.waitFor(/Listening on (\S+)/)
    const commands = [...README.matchAll(/```sh\n([\s\S]*?)```/g)].map((block) => block[1]).join('')
    const script = commands
      .replace('http://127.0.0.1:8080', url)
      .replaceAll('/tmp/', `${folder}/`)
      .replaceAll('npx stripe-flow-source', `${process.execPath} ${COMMAND}`)
    const { stdout } = await promisify(execFile)('bash', ['-eu', '-c', script], { cwd: folder })
    expect(stdout).toContain('{"result":true}')
    expect(stdout).toContain('"path":"balance_transactions"')
    expect(stdout).toContain('"format":"hierarchical"')
    expect(stdout).toContain('"recordSummary":{"inputRecordCount":250,"outputRecordCount":250')
    expect(stdout).toContain('"statusSummary":{"status":"success"')
    expect(stdout).toContain('{"items":[{"id":"ch_')
    expect(stdout).toContain('"_page":{"count":1},"_links":{"next":{"href":"/dataSets/')
    expect(stdout).toContain('"estimatedRecordCount":250')
    expect(stdout).toContain('event: end')
    expect(stdout).toContain('Compared 250 objects. Nothing differs.')
  } finally {
    host.child.kill('SIGTERM')
    await host.ended
    await sandbox.close()
    await rm(folder, { recursive: true })
  }
}, 60_000)

test('the README’s table of settings names every setting', () => {
  const { ended, stdout } = startProcess({}, ['src/main.ts', 'start', '--help'])
  return ended.then(() => {
    const names = [...stdout().matchAll(/^ {2}([A-Z][A-Z_]+) {2,}/gm)].map((match) => match[1] ?? '')
    expect(names.length).toBeGreaterThan(10)
    for (const name of names) expect(README).toContain(`\`${name}\``)
  })
})
