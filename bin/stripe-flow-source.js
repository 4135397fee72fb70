#!/usr/bin/env -S MALLOC_ARENA_MAX=1 node --max-semi-space-size=4
// Old syntax on purpose: an old Node must get as far as the one line below.
var version = process.versions.node.split('.').map(Number)
if (version[0] < 22 || (version[0] === 22 && version[1] < 18)) {
  console.error('stripe-flow-source needs Node.js 22.18 or newer; this is ' + process.version + '.')
  process.exit(1)
}
import('node:fs')
  .then(function (fs) {
    var built = new URL('../dist/main.js', import.meta.url)
    return import(fs.existsSync(built) ? built.href : new URL('../src/main.ts', import.meta.url).href)
  })
  .catch(function (error) {
    console.error(error)
    process.exit(1)
  })
