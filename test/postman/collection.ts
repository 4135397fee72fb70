import { readFileSync } from 'node:fs'

export interface Script {
  readonly listen: 'prerequest' | 'test'
  readonly script: { readonly exec: readonly string[] }
}

/** A folder holds items, everything else is a request. */
export interface Item {
  readonly name: string
  readonly item?: readonly Item[]
  readonly event?: readonly Script[]
}

export interface Collection extends Item {
  readonly variable: readonly { readonly key: string; readonly value: string }[]
}

export interface Environment {
  readonly values: readonly { readonly key: string; readonly value: string; readonly type: string }[]
}

export const collectionText = read('postman_collection.json')
export const collection: Collection = JSON.parse(collectionText)
export const environment: Environment = JSON.parse(read('postman_environment.json'))

/** All requests, in the order in which the runner takes them. */
export function requestsOf({ item = [] }: Item): readonly Item[] {
  return item.flatMap((inner) => (inner.item === undefined ? [inner] : requestsOf(inner)))
}

function read(name: string): string {
  return readFileSync(new URL(`../../specs/${name}`, import.meta.url), 'utf8')
}
