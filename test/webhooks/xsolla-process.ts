import { loadConfig } from '../../src/config.ts'
import { createHost } from '../../src/host.ts'
import { createXsollaPlugin, registerSpec } from './xsolla-plugin.ts'

/** A host with the plugin of the tests, in a process of its own, to be killed. Settings come from the environment. */
const host = await createHost({ config: loadConfig(process.env), plugins: [createXsollaPlugin()] })
registerSpec(host)
const { url } = await host.start()
process.stdout.write(`Listening on ${url}\n`)
