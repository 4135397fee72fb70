import { expect, test } from '@jest/globals'
import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { promisify } from 'node:util'
import { connectionBody, create } from '../support/flow-host.ts'
import { SANDBOX_KEY, startStripeHost } from '../support/stripe-host.ts'
import { ACME } from '../support/test-host.ts'
import type { Collection } from './collection.ts'
import { runCollection } from './run-collection.ts'

const CLIENTS = await readFile(new URL('../../docs/clients.md', import.meta.url), 'utf8')
const COMMAND = [...CLIENTS.matchAll(/```sh\n([\s\S]*?)```/g)]
  .map(([, block = '']) => block)
  .find((b) => b.includes('toHost'))

test('a collection in the form of Adobe’s runs here after the rewriting that docs/clients.md prints', async () => {
  const host = await startStripeHost({ counts: { charges: 5 } })
  const folder = await mkdtemp(path.join(tmpdir(), 'flow-clients-'))
  try {
    await writeFile(path.join(folder, 'Flow Service API.postman_collection.json'), JSON.stringify(ADOBE_FORM))
    await promisify(execFile)('bash', ['-eu', '-c', COMMAND ?? 'false'], { cwd: folder })
    const rewritten: Collection = JSON.parse(await readFile(path.join(folder, 'flow-service-here.json'), 'utf8'))
    const { url } = await host.host.start()
    const { answers, failures } = await runCollection(rewritten, {
      HOST: url,
      API_KEY: ACME.clientId,
      IMS_ORG: ACME.orgId,
      SANDBOX_NAME: 'prod',
      ACCESS_TOKEN: await host.token(ACME),
      CONNECTION_ID: await create(host.api, 'connections', connectionBody(SANDBOX_KEY)),
    })
    expect(failures).toEqual([])
    const [list, explored, deleted] = answers.map((answer) => (answer === '' ? null : JSON.parse(answer)))
    expect(list.items).toHaveLength(1)
    expect(explored.map((entry: { path: string }) => entry.path)).toContain('charges')
    expect(deleted).toBeNull()
  } finally {
    await host.stop()
    await rm(folder, { recursive: true })
  }
}, 60_000)

/** Three requests written as Adobe's collection writes them: templates, a form with GET, a slash at the end. */
const ADOBE_FORM = {
  info: { name: 'Flow Service API', schema: 'https://schema.getpostman.com/json/collection/v2.1.0/collection.json' },
  item: [
    {
      name: 'Connections',
      item: [
        adobeRequest('GET', 'connections?property={{property}}&limit={{limit}}&orderby={{orderby}}&count=false'),
        adobeRequest('GET', 'connections/:CONNECTION_ID/explore'),
        adobeRequest('DELETE', 'connections/:CONNECTION_ID/'),
      ],
    },
  ],
}

function adobeRequest(method: string, target: string) {
  const [pathname = '', query] = target.split('?')
  const headers = {
    Accept: 'application/json',
    'Content-Type': 'application/json',
    Authorization: 'Bearer {{ACCESS_TOKEN}}',
    'x-api-key': '{{API_KEY}}',
    'x-gw-ims-org-id': '{{IMS_ORG}}',
    'x-sandbox-name': '{{SANDBOX_NAME}}',
  }
  return {
    name: `${method} ${pathname}`,
    request: {
      method,
      header: Object.entries(headers).map(([key, value]) => ({ key, value })),
      body: { mode: 'formdata', formdata: [] },
      url: {
        raw: `https://platform.adobe.io/data/foundation/flowservice/${target}`,
        protocol: 'https',
        host: ['platform', 'adobe', 'io'],
        path: ['data', 'foundation', 'flowservice', ...pathname.split('/')],
        query: query?.split('&').map((pair) => ({ key: pair.split('=')[0], value: pair.split('=')[1] })),
        variable: [{ id: 'CONNECTION_ID', value: '{{CONNECTION_ID}}' }],
      },
    },
  }
}
