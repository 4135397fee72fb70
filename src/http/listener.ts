import { createServer } from 'node:http'
import type { Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { Express } from 'express'
import { ConfigError } from '../config.ts'
import type { Config } from '../config.ts'
import { answerBadRequest } from './client-error.ts'

/** The host's own HTTP server, made when `listen` is called; requests in flight get `graceMs` to finish when it closes. */
export function createListener({ host, port }: Pick<Config, 'host' | 'port'>, graceMs: number) {
  let server: Server | undefined
  let bound: AddressInfo | undefined
  return {
    async listen(app: Express): Promise<void> {
      server = createServer({ requestTimeout: 60_000, headersTimeout: 20_000, keepAliveTimeout: 65_000 }, app)
      server.on('clientError', answerBadRequest)
      await listening(server, host, port)
      bound = server.address() as AddressInfo
    },
    url(): string {
      return `http://${nameInUrl(bound?.address ?? host)}:${bound?.port ?? port}`
    },
    async close(): Promise<void> {
      if (!server?.listening) return
      const closing = server
      const closed = new Promise((resolve) => closing.close(resolve))
      // A connection that is kept alive becomes idle only after the answer that is on its way.
      const sweep = setInterval(() => closing.closeIdleConnections(), 20)
      const deadline = setTimeout(() => closing.closeAllConnections(), graceMs)
      await closed
      clearInterval(sweep)
      clearTimeout(deadline)
    },
  }
}

function listening(server: Server, host: string, port: number): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', (error: NodeJS.ErrnoException) => {
      const reason = error.code === 'EADDRINUSE' ? 'it is in use by another process' : error.message
      reject(new ConfigError(`HOST and PORT: cannot listen on ${host}:${port}: ${reason}`, { cause: error }))
    })
    server.listen({ host, port }, resolve)
  })
}

/** A wildcard address is no address to call. */
function nameInUrl(address: string): string {
  if (address === '0.0.0.0' || address === '::') return 'localhost'
  return address.includes(':') ? `[${address}]` : address
}
