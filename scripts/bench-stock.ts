/**
 * Ours beside a stock minion under the same stock master: `npm run bench:stock -- --salt DIR [--python python3] [--transport zeromq]`
 * `[--idle-minutes 10] [--outage-seconds 120] [--pings 200]`. Ratios count: the times belong to the machine and to how busy it is.
 */
import { parseArgs } from 'node:util'
import { useBuild } from './bench/use-build.ts'
import { measureBoth } from './lib/interop/bench.ts'

const { values } = parseArgs({
  options: {
    salt: { type: 'string' },
    python: { type: 'string', default: 'python3' },
    transport: { type: 'string', default: 'zeromq' },
    'idle-minutes': { type: 'string', default: '10' },
    'outage-seconds': { type: 'string', default: '120' },
    pings: { type: 'string', default: '200' },
  },
})
if (values.salt === undefined) {
  console.log('bench:stock: skipped, no Salt source tree was given (--salt DIR)')
} else {
  useBuild()
  const { salt: saltTree, python, transport } = values
  await measureBoth({ saltTree, python, transport, idleMinutes: Number(values['idle-minutes']), outageSeconds: Number(values['outage-seconds']), pings: Number(values.pings) })
}
