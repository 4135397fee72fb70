import { expect, test } from '@jest/globals'
import { SendWindow } from '../../../src/plugins/stripe/budget-window.ts'

const PER_SECOND = 100
/** Four fifths of the even distance. */
const DISTANCE_MS = 8

/** A window of which half is used at time 0, so that from now on requests keep a distance. */
function halfUsedWindow(): SendWindow {
  const window = new SendWindow(PER_SECOND)
  for (let sent = 0; sent < PER_SECOND / 2; sent++) send(window, 0)
  return window
}

function send(window: SendWindow, sentAt: number): void {
  window.add({ sentAt, lateMs: () => 0 })
}

test('requests that are sent in time keep their distance', () => {
  const window = halfUsedWindow()
  for (let now = DISTANCE_MS; now < 10 * DISTANCE_MS; now += DISTANCE_MS) {
    expect(window.waitMs(now)).toBe(0)
    send(window, now)
    expect(window.waitMs(now)).toBe(DISTANCE_MS)
  }
})

test('a request that is sent late moves those after it by nothing', () => {
  const window = halfUsedWindow()
  send(window, DISTANCE_MS + 5)
  expect(window.waitMs(DISTANCE_MS + 5)).toBe(DISTANCE_MS - 5)
})

test('of what a busy process has missed only three requests follow at once', () => {
  const window = halfUsedWindow()
  let sent = 0
  for (; window.waitMs(300) === 0; sent++) send(window, 300)
  expect(sent).toBe(4)
  expect(window.waitMs(300)).toBe(DISTANCE_MS)
})
