import { expect, test } from '@jest/globals'
import { takeEmptyStore } from './empty-store.ts'
import { planHistory } from './history-plan.ts'
import { storeFlows } from './simulated-host.ts'
import { Stage } from './stage.ts'

const SEEDS = 5
const STEPS = 150

test('each death of the host is followed by one start, also when it is killed while it stops', async () => {
  let killedWhileStopping = 0
  for (let seed = 1; seed <= SEEDS; seed++) {
    const told = await tellLives(seed)
    const lives = told.filter((label) => label !== 'stop')
    expect({ seed, lives }).toEqual({ seed, lives: lives.map((_, index) => (index % 2 === 0 ? 'kill' : 'start')) })
    killedWhileStopping += told.length - lives.length
  }
  expect(killedWhileStopping).toBeGreaterThan(0)
}, 60_000)

/** The stops, deaths and starts of a host that never ends by itself when it is asked to stop. */
async function tellLives(seed: number): Promise<string[]> {
  const told: string[] = []
  const plan = { ...planHistory(seed), stepsPerKill: 3, mostKills: Infinity }
  const stage = new Stage(plan, (line) => {
    const label = line.split(' ').at(-1)!
    if (['stop', 'kill', 'start'].includes(label)) told.push(label)
  })
  try {
    const { store, database, giveBack } = await takeEmptyStore()
    stage.flows = await storeFlows(store, plan.flows, plan.start)
    stage.open(store, database)
    stage.startHost()
    stage.armKill()
    goOn(stage)
    for (let step = 0; step < STEPS; step++) {
      killWhenStopped(stage)
      await stage.step()
    }
    await stage.end()
    giveBack()
  } finally {
    stage.globals.restore()
  }
  return told
}

/** Something happens while the host is dead, too. */
function goOn(stage: Stage): void {
  const run = () => goOn(stage)
  stage.scheduler.add({ at: stage.now + 1000, label: 'change', owner: stage.account, run })
}

function killWhenStopped(stage: Stage): void {
  stage.host.dispatcher.stop = () => {
    stage.armKill()
    return new Promise(() => {})
  }
}
