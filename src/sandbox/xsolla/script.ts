import { XsollaError } from './errors.ts'
import type { XsollaAction } from './world.ts'

/** What is done to a request instead of answering it. */
export type XsollaFault =
  | { readonly kind: 'status'; readonly status: number; readonly retryAfter?: number }
  /** Resets the connection. */
  | { readonly kind: 'reset' }
  /** A 200 whose body is no JSON. */
  | { readonly kind: 'not-json'; readonly body?: string }
  /** Waits before answering. */
  | { readonly kind: 'latency'; readonly ms: number }

/**
 * Meets `times` matching requests (default 1, null for ever) after the first `after` (default 0): the actions happen just
 * before the request is answered, which is between two pages of whoever pages.
 */
export interface XsollaRule {
  readonly after?: number
  readonly times?: number | null
  readonly match?: {
    readonly method?: string
    /** May end in `*`. */
    readonly path?: string
    readonly params?: Readonly<Record<string, string>>
  }
  readonly actions?: readonly XsollaAction[]
  readonly fault?: XsollaFault
}

export interface ScriptedRequest {
  readonly method: string
  readonly path: string
  readonly query: URLSearchParams
}

const FAULT_KINDS = ['status', 'reset', 'not-json', 'latency']

/** The rules, each counting for itself. */
export class XsollaScript {
  #rules: { readonly rule: XsollaRule; seen: number }[] = []

  add(...rules: readonly XsollaRule[]): void {
    for (const rule of rules) {
      if (rule.fault !== undefined && !FAULT_KINDS.includes(rule.fault.kind)) {
        throw new XsollaError(400, `Unknown fault kind; known are ${FAULT_KINDS.join(', ')}.`)
      }
      this.#rules.push({ rule, seen: 0 })
    }
  }

  clear(): void {
    this.#rules = []
  }

  list(): readonly (XsollaRule & { readonly seen: number })[] {
    return this.#rules.map(({ rule, seen }) => ({ ...rule, seen }))
  }

  /** Counts the request with every rule that it matches, and tells what is to happen. */
  meet(request: ScriptedRequest): {
    readonly actions: readonly XsollaAction[]
    readonly faults: readonly XsollaFault[]
  } {
    const due = this.#rules.filter((active) => {
      const { after = 0, times = 1, match } = active.rule
      if (!matches(match, request)) return false
      active.seen += 1
      return active.seen > after && active.seen <= after + (times ?? Infinity)
    })
    return {
      actions: due.flatMap(({ rule }) => rule.actions ?? []),
      faults: due.flatMap(({ rule }) => rule.fault ?? []),
    }
  }
}

function matches(match: XsollaRule['match'], { method, path, query }: ScriptedRequest): boolean {
  if (match?.method !== undefined && match.method !== method) return false
  if (match?.path !== undefined && !matchesPath(match.path, path)) return false
  return Object.entries(match?.params ?? {}).every(([name, value]) => query.get(name) === value)
}

function matchesPath(pattern: string, path: string): boolean {
  return pattern.endsWith('*') ? path.startsWith(pattern.slice(0, -1)) : path === pattern
}
