/** What values and sizes become on their way from Salt's client through a minion to the master's bus and job cache. */
import { createHash } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { toJsonText } from '../../../agent/wire/json.ts'
import { decode, encode } from '../../../agent/wire/msgpack.ts'
import { Constant, DateTime, Float, get } from '../../../agent/wire/value.ts'
import type { Value } from '../../../agent/wire/value.ts'
import { waitFor } from '../site.ts'
import { withLocalClient, type Member, type Pair } from './pair.ts'
import type { CommandCheck } from './salt-commands.ts'

const deep = (levels: number): Value => Array.from({ length: levels }).reduce<Value>((inner) => [inner], 'deep')

/** Name → value (Python takes the keys 1 and True for one); `test.echo` must give it back as a stock minion does. */
const VALUES: Readonly<Record<string, Value>> = {
  'bytes that are no UTF-8': Uint8Array.from([0xff, 0x00, 0xfe]),
  'text beyond the basic plane': 'grüß 🧂\u0000\u2028',
  'the largest integers': [2n ** 64n - 1n, -(2n ** 63n), 2n ** 53n + 1n],
  'floats': [new Float(1), 0.1, -0.0, 1e308, 5e-324],
  'NaN and infinities': [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY],
  'a date and time': new DateTime('20250102T03:04:05.678901'),
  'a constant': new Constant('interop', 7),
  'keys that are no text': new Map<Value, Value>([[1, 'one'], ['1', 'text'], [null, 'none'], [1.5, 'half'], [Uint8Array.from([0xff]), 'bytes']]),
  'a key of an object': new Map<Value, Value>([['__proto__', 1], ['constructor', 2]]),
  'deep nesting': deep(100),
  'nothing at all': [null, '', [], {}],
}

/** Where Salt's local_cache keeps a return. */
function cachedReturn({ master }: Pair, jid: string, id: string): Promise<Value> {
  return waitFor(`the cached return of ${id}`, 15_000, async () => get(decode(await readFile(master.returnFile(jid, id))), 'return'))
}

/** The same as Salt's own commands read it. */
async function readBySalt({ master }: Pair, jid: string, id: string): Promise<Value> {
  const printed = await master.python(`
import base64, sys
import salt.config, salt.loader, salt.payload
opts = salt.config.master_config(sys.argv[1])
found = salt.loader.returners(opts, {})['local_cache.get_jid']('${jid}')
print(base64.b64encode(salt.payload.dumps(found['${id}']['return'], use_bin_type=True)).decode())`)
  return decode(Buffer.from(printed.trim(), 'base64'))
}

/** Every value through both minions: the same on the bus, in the job cache, and as it was sent. */
export const VALUE_CHECKS: readonly CommandCheck[] = Object.entries(VALUES).map(([name, value]) => ({
  name: `value: ${name}`,
  run: (pair) => withLocalClient(pair, async (client) => {
    const ids = [pair.stock.id, pair.ours.id]
    const packed = encode([value], { bin: true }).toString('base64')
    const { jid, published, returns } = await client.run({ tgt: ids, fun: 'test.echo', packed, expect: [pair.ours.id], timeout: 30, linger: 3 })
    // The frames of tcp hold no extension types: there its own client cannot ask for them.
    if (!published && (value instanceof DateTime || value instanceof Constant)) return console.log(`     Salt cannot publish ${name} on this transport`)
    const seen = (member: Member) => returns.find(({ id }) => id === member.id)?.load['return']
    const [stock, ours] = [seen(pair.stock), seen(pair.ours)]
    if (ours === undefined) throw new Error('ours returned nothing')
    same('on the bus', ours, value)
    same('in the job cache', await cachedReturn(pair, jid, pair.ours.id), value)
    same('in the job cache as Salt reads it', await readBySalt(pair, jid, pair.ours.id), value)
    if (stock === undefined) console.log(`     the stock minion returns nothing for ${name}`)
    else same('from the stock minion', stock, ours)
  }),
}))

function same(where: string, actual: Value, wanted: Value): void {
  const [a, b] = [toJsonText(actual), toJsonText(wanted)]
  if (a !== b) throw new Error(`${where}: ${a.slice(0, 300)} instead of ${b.slice(0, 300)}`)
}

const MIB = 1024 * 1024

const ask = (pair: Pair, fun: string, arg: unknown[], more: object = {}) =>
  withLocalClient(pair, (client) => client.run({ tgt: [pair.ours.id], fun, arg, expect: [pair.ours.id], timeout: 60, ...more }))

const output = (pair: Pair, bytes: number) => ask(pair, 'cmd.run', [`head -c ${bytes} /dev/zero | tr '\\0' y`], { kwarg: { python_shell: true } })

/** Large publications and returns of ours: whole, or a marked summary with the whole kept. */
export const LARGE_CHECKS: readonly CommandCheck[] = [
  {
    name: 'a publication of 3 MiB arrives',
    async run(pair) {
      const text = 'x'.repeat(3 * MIB)
      const { returns } = await ask(pair, 'hashutil.sha256_digest', [text])
      same('the digest', returns[0]?.load['return'] ?? null, createHash('sha256').update(text).digest('hex'))
    },
  },
  {
    name: 'a return of 2 MiB is whole in the job cache',
    async run(pair) {
      const { jid } = await output(pair, 2 * MIB)
      if (await cachedReturn(pair, jid, pair.ours.id) !== 'y'.repeat(2 * MIB)) throw new Error('it is not whole')
    },
  },
  {
    name: 'a return of 6 MiB is whole, or its summary tells where the whole is',
    async run(pair) {
      const { jid } = await output(pair, 6 * MIB)
      const kept = await cachedReturn(pair, jid, pair.ours.id)
      if (kept === 'y'.repeat(6 * MIB)) return
      if (typeof kept !== 'string' || !kept.includes('find_cached_job')) throw new Error(`the job cache holds ${toJsonText(kept).slice(0, 200)}`)
      const shown = await pair.ours.site.brine(['outbox', 'show', jid, '--values', '-c', pair.ours.minion.directory])
      if (!shown.includes('y'.repeat(1000))) throw new Error(`the minion does not keep the whole: ${shown.slice(0, 200)}`)
      const again = await ask(pair, 'saltutil.find_cached_job', [jid], { ret: 'rawfile_json' })
      const file = await waitFor('rawfile_json to have the whole', 30_000, async () => {
        const lines = await readFile(join(pair.ours.directory, 'plain.json'), 'utf8')
        return lines.includes(again.jid) && lines.includes('y'.repeat(6 * MIB)) ? lines : undefined
      })
      if (file.includes('VALUE_TRIMMED')) throw new Error('something was trimmed')
      console.log('     this transport does not carry it: a summary, and the whole by find_cached_job')
    },
  },
]
