import { beforeEach, expect, test } from '@jest/globals'
import { RereadPages } from './reread-pages.ts'

/** Newest first, as lists are; the objects from c on are of one second. */
const CREATED: Readonly<Record<string, number>> = { a: 30, b: 20, c: 10, d: 10, e: 10 }

let pages: RereadPages

beforeEach(() => {
  pages = new RereadPages((id) => CREATED[id]!)
})

/** The page that follows an object in the range up to `end`; the first one when there is none. */
function target(after?: string, end = 40): string {
  return `/v1/customers?limit=100&created%5Blt%5D=${end}${after === undefined ? '' : `&starting_after=${after}`}`
}

function read(...targets: readonly string[]): void {
  for (const page of targets) pages.answered(page, 200)
}

function readAll(): void {
  read(target(), target('a'), target('b'), target('c'), target('d'))
}

test('one page of a range may be read again after a death, a second one may not', () => {
  readAll()
  pages.beginAnew()
  read(target('d'), target('d'), target('e'))
  expect(pages.violation).toBeNull()
  read(target('c'))
  expect(pages.violation).toContain('starting_after=d and ')
})

test('a second that is listed anew because the position in it is gone does not count', () => {
  readAll()
  pages.beginAnew()
  read(target('d'))
  pages.answered(target('e'), 404)
  pages.answered(target('d'), 404)
  read(target(undefined, 11), target('c'), target('d'))
  expect(pages.violation).toBeNull()
})

test('the first page does not count either when the range begins again with it', () => {
  const range = [target(undefined, 11), target('c', 11), target('d', 11)]
  read(...range)
  pages.beginAnew()
  pages.answered(target('e', 11), 400)
  read(...range)
  expect(pages.violation).toBeNull()
})

test('what is newer than a position that is gone counts', () => {
  readAll()
  pages.beginAnew()
  pages.answered(target('e'), 400)
  read(target(undefined, 11), target('a'), target('b'))
  expect(pages.violation).toContain('starting_after=b')
})

test('a position that is gone excuses nothing unless the range begins again below it', () => {
  readAll()
  pages.beginAnew()
  pages.answered(target('e'), 400)
  read(target('d'), target('c'))
  expect(pages.violation).toContain('starting_after=c')
})

test('what was listed anew counts after the next death', () => {
  readAll()
  pages.answered(target('e'), 400)
  read(target(undefined, 11), target('c'), target('d'))
  pages.beginAnew()
  read(target('d'), target('c'))
  expect(pages.violation).toContain('starting_after=c')
})
