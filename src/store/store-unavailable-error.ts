/** Why a store that is sound cannot do its work now. */
export type StoreFault = 'locked' | 'full' | 'failing'

/** Thrown by any call while the store cannot do its work. Nothing of the call, or of its transaction, is kept. */
export class StoreUnavailableError extends Error {
  readonly fault: StoreFault

  constructor(fault: StoreFault, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'StoreUnavailableError'
    this.fault = fault
  }
}
