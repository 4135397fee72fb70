import type { RunEvents } from '../flow/run-events.ts'
import { pathId } from './entity-routes.ts'
import { FLOW_SERVICE, type Route } from './route.ts'

const HEADERS = {
  'Content-Type': 'text/event-stream',
  'Cache-Control': 'no-store',
  // nginx would hold the events back to send many at once.
  'X-Accel-Buffering': 'no',
}

/** How a run gets on, while it goes on. */
export function runEventsRoutes(events: RunEvents): Route[] {
  return [
    {
      method: 'GET',
      path: `${FLOW_SERVICE}/runs/:id/events`,
      handler: async (request) => {
        const run = await events.find(request.caller, pathId(request))
        return { status: 200, headers: HEADERS, ...(request.headOnly ? {} : { raw: events.open(run) }) }
      },
    },
  ]
}
