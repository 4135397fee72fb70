/** An isolated space of entities: one organisation and one sandbox in it. Every query is scoped by it. */
export interface Tenant {
  /** `<id>@AdobeOrg`. */
  readonly orgId: string
  /** Lower-case name, `prod` by default. */
  readonly sandboxName: string
  /** A UUID that stays the same for the life of the sandbox. */
  readonly sandboxId: string
}

/** Who sent a request, and for which tenant. Made by the authentication, handed to every service call. */
export interface Caller {
  readonly tenant: Tenant
  /** `<id>@techacct.adobe.com` for a technical account. */
  readonly userId: string
  /** The API client id, sent as `x-api-key`. */
  readonly clientId: string
  /** Repeated in the log lines and in `report.requestId` of an error. */
  readonly requestId: string
}
