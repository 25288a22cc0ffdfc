/**
 * Ours beside a stock minion under the same stock master: `npm run bench:stock -- --salt DIR [--python python3] [--transport zeromq]`
 * `[--idle-minutes 10] [--outage-seconds 120] [--pings 200]`. Ratios count: the times belong to the machine and to how busy it is.
 */
import { parseArgs } from 'node:util'
import { useBuild } from './bench/use-build.ts'
import { measureBoth } from './lib/interop/bench.ts'
import { findSalt } from './lib/interop/find-salt.ts'

const { values } = parseArgs({
  options: {
    salt: { type: 'string' },
    python: { type: 'string' },
    transport: { type: 'string', default: 'zeromq' },
    'idle-minutes': { type: 'string', default: '10' },
    'outage-seconds': { type: 'string', default: '120' },
    pings: { type: 'string', default: '200' },
  },
})
const tree = findSalt('bench:stock', { salt: values.salt, python: values.python })
if (tree !== undefined) {
  useBuild()
  const { transport } = values
  await measureBoth({ ...tree, transport, idleMinutes: Number(values['idle-minutes']), outageSeconds: Number(values['outage-seconds']), pings: Number(values.pings) })
}
