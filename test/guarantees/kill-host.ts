import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import axios, { type AxiosInstance, type AxiosResponse } from 'axios'
import { startProcess, type HostProcess } from '../support/start-process.ts'
import { pause } from '../support/stripe-host.ts'

const CLIENT = { id: 'kill', secret: 'kill-secret', orgId: 'KILL@AdobeOrg' }

/** A host in a process of its own, on one data folder for all its lives. */
export class KillableHost {
  readonly #env: Readonly<Record<string, string>>
  readonly #compileCache: string
  #dataDir = ''
  #process: HostProcess | null = null
  #api: AxiosInstance | null = null
  #token = ''

  /** @param env - settings besides those of the client and the folder */
  constructor(env: Readonly<Record<string, string>>) {
    this.#env = env
    this.#compileCache = join(tmpdir(), 'flow-kill-code')
  }

  get dataDir(): string {
    return this.#dataDir
  }

  /** The process of the life at hand; throws while there is none. */
  get pid(): number {
    const pid = this.#process?.child.pid
    if (pid === undefined) throw new Error('The host does not run.')
    return pid
  }

  /** What it has written to stdout in this life. */
  get log(): string {
    return this.#process?.stdout() ?? ''
  }

  /** Begins a life without waiting for it; the first one, and each one after `remove`, on a new folder. */
  async begin(): Promise<void> {
    if (this.#dataDir === '') this.#dataDir = await mkdtemp(join(tmpdir(), 'flow-kill-'))
    this.#process = startProcess({
      DATA_DIR: this.#dataDir,
      LOG_LEVEL: 'warn',
      NODE_COMPILE_CACHE: this.#compileCache,
      BOOTSTRAP_CLIENT_ID: CLIENT.id,
      BOOTSTRAP_CLIENT_SECRET: CLIENT.secret,
      BOOTSTRAP_ORG_ID: CLIENT.orgId,
      STRIPE_RATE_GLOBAL: '100000',
      STRIPE_RATE_ENDPOINT: '100000',
      STRIPE_BUDGET_SHARE: '1',
      ...this.#env,
    })
  }

  /** Resolves when it answers. */
  async ready(): Promise<void> {
    const listening = this.#process?.waitFor(/Listening on (\S+)/)
    const [, url = ''] = (await listening) ?? []
    if (this.#token === '') {
      const form = `grant_type=client_credentials&client_id=${CLIENT.id}&client_secret=${CLIENT.secret}`
      this.#token = (await axios.post(`${url}/ims/token/v3`, form)).data.access_token
    }
    const headers = { Authorization: `Bearer ${this.#token}`, 'x-api-key': CLIENT.id, 'x-gw-ims-org-id': CLIENT.orgId }
    this.#api = axios.create({ baseURL: url, headers })
  }

  async start(): Promise<void> {
    await this.begin()
    await this.ready()
  }

  /** SIGKILL; resolves when the process is gone. */
  async kill(): Promise<void> {
    const killed = this.#process
    this.#api = null
    killed?.child.kill('SIGKILL')
    await killed?.ended
    this.#process = null
  }

  /** Kills it and removes its folder. */
  async remove(): Promise<void> {
    await this.kill()
    await rm(this.#dataDir, { recursive: true, force: true })
    this.#dataDir = ''
    this.#token = ''
  }

  /** As a client that does not give up: asks again until the host is there and answers. Throws when it refuses. */
  async get(path: string): Promise<AxiosResponse['data']> {
    for (;;) {
      try {
        if (this.#api !== null) return (await this.#api.get(path)).data
      } catch (error) {
        if (!axios.isAxiosError(error) || error.response !== undefined) throw error
      }
      await pause(20)
    }
  }

  /** Throws when the host is not there or refuses. */
  async post(path: string, body?: object): Promise<AxiosResponse['data']> {
    if (this.#api === null) throw new Error('The host does not run.')
    return (await this.#api.post(path, body)).data
  }

  /** The status of an answer, whatever it is. */
  async statusOf(method: 'get' | 'post', path: string, body?: object): Promise<number> {
    if (this.#api === null) throw new Error('The host does not run.')
    return (await this.#api.request({ method, url: path, data: body, validateStatus: () => true })).status
  }
}
