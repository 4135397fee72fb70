import type { Clock } from '../clock.ts'
import type { Logger } from '../logger.ts'
import type { SourcePlugin } from '../plugins/plugin.ts'
import type { Store } from '../store/store.ts'
import type { SpecRegistry } from './spec-registry.ts'

/** What every service of the flow layer is given; made once, in `host.ts`. */
export interface FlowContext {
  readonly store: Store
  readonly clock: Clock
  readonly logger: Logger
  /** A fresh UUID. */
  readonly newId: () => string
  readonly secretBox: SecretBox
  readonly specs: SpecRegistry
  /** By connection spec id. */
  readonly plugins: ReadonlyMap<string, SourcePlugin>
}

/** Encrypts secrets at rest. */
export interface SecretBox {
  /** `context` (the connection's id) is authenticated with the secret: a sealed text opens only there. */
  seal(plaintext: string, context: string): string
  /** Throws when the text was changed, belongs elsewhere or its key is unknown. */
  open(sealed: string, context: string): string
}
