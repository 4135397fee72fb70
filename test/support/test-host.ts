import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import request from 'supertest'
import type { Response, Test } from 'supertest'
import { loadConfig } from '../../src/config.ts'
import type { BootstrapClient, Config } from '../../src/config.ts'
import { createHost } from '../../src/host.ts'
import type { Host, HostOptions } from '../../src/host.ts'
import { checkAnswer } from './openapi-check.ts'
import type { Method } from './openapi-check.ts'

/** The API clients that every test host knows. */
export const ACME: BootstrapClient = {
  clientId: 'acme-client',
  clientSecret: 'acme-secret-1',
  orgId: 'ACME000000000000000000@AdobeOrg',
  sandboxes: ['prod', 'dev', 'stage'],
}
export const GLOBEX: BootstrapClient = {
  clientId: 'globex-client',
  clientSecret: 'globex-secret-1',
  orgId: 'GLOBEX0000000000000000@AdobeOrg',
  sandboxes: ['prod', 'dev'],
}

export interface TestHostOptions extends Partial<Omit<HostOptions, 'config'>> {
  /** Settings as environment variables; they win over the test host's own. */
  readonly env?: Readonly<Record<string, string>>
  /** Kept by `stop`. Absent: a temporary folder, removed by `stop`. */
  readonly dataDir?: string
}

/** Calls of one client in one sandbox: supertest requests with the API headers set. */
export interface TestApi {
  readonly headers: Readonly<Record<string, string>>
  get(path: string): Test
  /** `body` is sent as JSON; nothing is sent without it. */
  post(path: string, body?: unknown): Test
  put(path: string, body?: unknown): Test
  patch(path: string, body?: unknown): Test
  delete(path: string): Test
}

/** A host that is not listening: calls go through supertest. `api` speaks for ACME in `prod`. */
export interface TestHost {
  readonly host: Host
  readonly config: Config
  readonly dataDir: string
  readonly api: TestApi
  /** The same host seen by another client, or in another sandbox. */
  as(client: BootstrapClient, sandboxName?: string): Promise<TestApi>
  token(client: BootstrapClient): Promise<string>
  /** A request without API headers. */
  anonymous(): ReturnType<typeof request>
  stop(): Promise<void>
}

/** A real host with a real store in a temporary folder and fixed clients. Call `stop` when done. */
export async function startTestHost(options: TestHostOptions = {}): Promise<TestHost> {
  const { env, dataDir: givenDataDir, ...hostOptions } = options
  const dataDir = givenDataDir ?? (await mkdtemp(path.join(tmpdir(), 'flow-host-')))
  const config = loadConfig({
    PORT: '0',
    PUBLIC_URL: 'http://flow.test',
    DATA_DIR: dataDir,
    BOOTSTRAP_CLIENTS: JSON.stringify([ACME, GLOBEX]),
    ...env,
  })
  const host = await createHost({ plugins: [], ...hostOptions, config })
  const token = ({ clientId, orgId }: BootstrapClient) => host.accessTokens.issue({ clientId, orgId })
  const as = async (client: BootstrapClient, sandboxName = 'prod') =>
    createTestApi(
      host,
      {
        Authorization: `Bearer ${await token(client)}`,
        'x-api-key': client.clientId,
        'x-gw-ims-org-id': client.orgId,
        'x-sandbox-name': sandboxName,
      },
      options.routes === undefined,
    )
  return {
    host,
    config,
    dataDir,
    api: await as(ACME),
    as,
    token,
    anonymous: () => request(host.router),
    async stop() {
      await host.stop()
      if (givenDataDir === undefined) await rm(dataDir, { recursive: true, force: true })
    },
  }
}

/** Every answer in every test must be as `specs/openapi.yaml` describes it. Files are of no fixed shape. */
function checkResponse(method: Method, target: string, response: Response): void {
  if (target.startsWith(FILES)) return
  const isText = response.type.startsWith('text/')
  const body = isText ? response.text : response.text === '' ? undefined : response.body
  checkAnswer(method, target, response.status, body, response.type)
}

const FILES = '/data/foundation/export/'

/** `isDescribed`: the host has only the routes that the description knows. */
function createTestApi(host: Host, headers: Readonly<Record<string, string>>, isDescribed: boolean): TestApi {
  const call = (method: 'get' | 'post' | 'put' | 'patch' | 'delete', target: string, body?: unknown): Test => {
    const test = request(host.router)
      [method](target)
      .set(headers)
      .expect((response) => isDescribed && checkResponse(method, target, response))
    return body === undefined ? test : test.set('Content-Type', 'application/json').send(JSON.stringify(body))
  }
  return {
    headers,
    get: (target) => call('get', target),
    post: (target, body) => call('post', target, body),
    put: (target, body) => call('put', target, body),
    patch: (target, body) => call('patch', target, body),
    delete: (target) => call('delete', target),
  }
}
