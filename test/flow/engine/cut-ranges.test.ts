import { describe, expect, test } from '@jest/globals'
import { chooseCut } from '../../../src/flow/engine/cut-ranges.ts'
import { LiveRange } from '../../../src/flow/engine/live-range.ts'

const NOW = 1_760_000_000

function openRange(no: number, pass: string): LiveRange {
  return new LiveRange({ no, pass, created: { from: null, to: NOW }, cursor: null, done: false }, true)
}

/** Reads pages of a hundred objects, one every `seconds`, down from `top`. Returns the last creation time. */
function read(range: LiveRange, pages: number, top: number, seconds: number): number {
  let time = top
  for (let page = 0; page < pages; page++) {
    const records = Array.from({ length: 100 }, (_, index) => ({
      id: '',
      record: {},
      createdAt: time - index * seconds,
    }))
    range.arrived(records, false)
    range.stored('cursor')
    time -= 100 * seconds
  }
  return time + seconds
}

describe('where ranges are cut', () => {
  test('nowhere within the first three pages of a list', () => {
    const range = openRange(0, 'all')
    const oldest = read(range, 2, NOW - 1, 60)
    const seen = { newest: NOW - 1, oldest }
    expect(chooseCut({ ranges: [range], pagesRead: 2, rowsRead: 200, seen })).toBeNull()
  })

  test('several times deeper than what is known, as long as nobody knows how deep the list goes', () => {
    const range = openRange(0, 'all')
    const oldest = read(range, 3, NOW - 1, 60)
    const cut = chooseCut({ ranges: [range], pagesRead: 3, rowsRead: 300, seen: { newest: NOW - 1, oldest } })
    expect(cut?.range).toBe(range)
    expect(cut!.at).toBeLessThan(oldest - 2 * (NOW - oldest))
  })

  test('in the middle of what is left, once it is known how deep the list goes', () => {
    const range = openRange(0, 'all')
    const oldest = read(range, 30, NOW - 1, 60)
    const bottom = oldest - 100 * 6000
    range.cut(bottom, 1)
    const seen = { newest: NOW - 1, oldest: bottom }
    const cut = chooseCut({ ranges: [range], pagesRead: 30, rowsRead: 3000, seen })
    expect(cut).toEqual({ range, at: oldest - 50 * 6000 })
  })

  test('never in a pass that has not been begun, whose newest object lies above all that was seen', () => {
    const begun = openRange(0, 'active')
    const oldest = read(begun, 3, NOW - 500_000, 60)
    const untouched = openRange(1, 'inactive')
    const seen = { newest: NOW - 500_000, oldest }
    const cut = chooseCut({ ranges: [untouched, begun], pagesRead: 3, rowsRead: 300, seen })
    expect(cut?.range).toBe(begun)
    expect(cut!.at).toBeLessThan(oldest)
  })

  test('not at all where only few pages are left', () => {
    const range = openRange(0, 'all')
    const oldest = read(range, 3, NOW - 1, 60)
    range.cut(oldest - 100 * 60, 1)
    const seen = { newest: NOW - 1, oldest: oldest - 100 * 60 }
    expect(chooseCut({ ranges: [range], pagesRead: 3, rowsRead: 300, seen })).toBeNull()
  })
})
