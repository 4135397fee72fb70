import ipaddr from 'ipaddr.js'

/** Decides which addresses outgoing calls may reach. */
export interface AddressGuard {
  /**
   * True when a connection for `host` may go to this address and port: public addresses always, any other only when the
   * host or the address is named in the settings.
   */
  allows(host: string, port: number, address: string): boolean
}

/** @param allowedHosts - `host`, `host:port`, an address, or `[address]:port` for IPv6; without a port any counts */
export function createAddressGuard(allowedHosts: readonly string[]): AddressGuard {
  const allowed = new Set(allowedHosts.map(normaliseEntry))
  const isNamed = (host: string, port: number) => allowed.has(host) || allowed.has(`${host} ${port}`)
  return {
    allows(host, port, address) {
      return isNamed(normaliseHost(host), port) || isNamed(normaliseHost(address), port) || isPublic(address)
    },
  }
}

/** One spelling of a host name or address: lower case, no brackets, IPv4 in IPv6 unwrapped. */
function normaliseHost(host: string): string {
  const bare = host
    .replace(/^\[|\]$/g, '')
    .replace(/\.$/, '')
    .toLowerCase()
  return ipaddr.isValid(bare) ? ipaddr.process(bare).toString() : bare
}

function normaliseEntry(entry: string): string {
  const [, bracketed, name, port] = /^(?:\[(.+)\]|([^:]+))(?::(\d+))?$/.exec(entry) ?? []
  const host = normaliseHost(bracketed ?? name ?? entry)
  return port === undefined ? host : `${host} ${Number(port)}`
}

/** Global unicast; not loopback, link-local, private, multicast, reserved, nor IPv4 addresses wrapped in IPv6. */
function isPublic(address: string): boolean {
  if (!ipaddr.isValid(address)) return false
  const parsed = ipaddr.process(address)
  if (parsed.range() !== 'unicast') return false
  // What lies outside 2000::/3 is not handed out, the old IPv4-compatible addresses (::a.b.c.d) among it.
  return !(parsed instanceof ipaddr.IPv6) || ((parsed.parts[0] ?? 0) & 0xe000) === 0x2000
}
