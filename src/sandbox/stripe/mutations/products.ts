import { badParameter } from '../errors.ts'
import type { ParamSchema, ValidParams } from '../parameters.ts'
import type { StripeObject } from '../types.ts'
import { textOf } from '../types.ts'
import type { World } from '../world.ts'
import type { MutationContext } from './mutation.ts'
import { mergeMetadata, WRITE_PARAMS } from './mutation.ts'

/** What `POST /v1/products` and `product_data` have in common. */
export const PRODUCT_DATA_PARAMS = {
  active: { kind: 'boolean' },
  id: { kind: 'text' },
  metadata: { kind: 'metadata' },
  name: { kind: 'text', required: true },
  statement_descriptor: { kind: 'text', max: 22 },
  tax_code: { kind: 'text' },
  unit_label: { kind: 'text', max: 12 },
} as const satisfies ParamSchema

export const PRODUCT_PARAMS = {
  ...PRODUCT_DATA_PARAMS,
  ...WRITE_PARAMS,
  description: { kind: 'text' },
  images: { kind: 'texts', max: 8 },
  shippable: { kind: 'boolean' },
  url: { kind: 'text' },
} as const satisfies ParamSchema

/** Adds a product, under the id that it may name itself; throws when that is taken. */
export function addProduct(world: World, params: ValidParams): StripeObject {
  const id = textOf(params.id as string | undefined)
  if (id !== undefined && world.product(id)) {
    throw badParameter('resource_already_exists', 'id', `Product already exists: '${id}'`)
  }
  const now = world.clock.now()
  const product: StripeObject = {
    id: id ?? world.nextId('products'),
    object: 'product',
    active: (params.active as boolean | undefined) ?? true,
    created: now,
    default_price: null,
    description: textOf(params.description as string | undefined) ?? null,
    images: (params.images as string[] | undefined) ?? [],
    livemode: world.plan.livemode,
    marketing_features: [],
    metadata: mergeMetadata({}, params.metadata),
    name: String(params.name),
    package_dimensions: null,
    shippable: (params.shippable as boolean | undefined) ?? null,
    statement_descriptor: textOf(params.statement_descriptor as string | undefined) ?? null,
    tax_code: textOf(params.tax_code as string | undefined) ?? null,
    type: 'service',
    unit_label: textOf(params.unit_label as string | undefined) ?? null,
    updated: now,
    url: textOf(params.url as string | undefined) ?? null,
  }
  world.addProduct(product)
  return product
}

/** `POST /v1/products`. */
export function createProduct({ world, cause }: MutationContext, params: ValidParams): StripeObject {
  const product = addProduct(world, params)
  world.emit('product.created', product, cause)
  return product
}
