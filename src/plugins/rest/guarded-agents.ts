import { lookup } from 'node:dns'
import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { isIP, type LookupFunction } from 'node:net'
import type { AddressGuard } from './allowed-hosts.ts'

/** The address behind a host is not one that a spec may reach. */
export class ForbiddenAddressError extends Error {
  readonly code = 'ERR_FORBIDDEN_ADDRESS'
}

export interface GuardedAgents {
  readonly httpAgent: HttpAgent
  readonly httpsAgent: HttpsAgent
}

/**
 * Agents that look at the addresses which a connection is about to be made to, whatever a name meant a moment before.
 * A name with a single forbidden address is refused whole.
 */
export function createGuardedAgents(guard: AddressGuard): GuardedAgents {
  return {
    httpAgent: guarded(new HttpAgent({ keepAlive: true }), guard),
    httpsAgent: guarded(new HttpsAgent({ keepAlive: true }), guard),
  }
}

function guarded<T extends HttpAgent>(agent: T, guard: AddressGuard): T {
  const connect = agent.createConnection.bind(agent)
  agent.createConnection = (options, callback) => {
    const host = options.host ?? 'localhost'
    const port = Number(options.port)
    if (isIP(host) !== 0 && !guard.allows(host, port, host)) throw forbidden(host)
    return connect({ ...options, lookup: guardedLookup(guard, port) }, callback)
  }
  return agent
}

function guardedLookup(guard: AddressGuard, port: number): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, addresses) => {
      if (error) return callback(error, '', 0)
      const [first] = addresses
      if (first === undefined || addresses.some(({ address }) => !guard.allows(hostname, port, address))) {
        return callback(forbidden(hostname), '', 0)
      }
      if (options.all) callback(null, addresses)
      else callback(null, first.address, first.family)
    })
  }
}

/** The address itself is not told: what a private name resolves to is nobody's business. */
export function forbidden(host: string): ForbiddenAddressError {
  return new ForbiddenAddressError(`${host} is not a public address; the operator can allow it by REST_ALLOWED_HOSTS`)
}
