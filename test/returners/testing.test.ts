import { once } from 'node:events'
import { type AddressInfo, connect, createServer } from 'node:net'
import { createInterface } from 'node:readline'
import { describe, expect, test } from 'vitest'
import {
  defineReturner, JOB_CACHE, PermanentError, type ReturnerDefinition, type ReturnerHandle, type ReturnRecord, type SaltEvent, z,
} from '../../returners/contract.ts'
import { type ReturnerFixture, type ReturnerSuite, tcpProxy, testReturner, type TestRunner } from '../../returners/testing.ts'

/** What a store in memory can be made to do wrong. */
type Flaw =
  | 'inserts blindly' | 'refuses NUL' | 'changes values' | 'forgets minions' | 'overwrites loads' | 'last come is newest' | 'cleans all' | 'loses events'
  | 'says permanent for everything' | 'same jid twice'

class MemoryStore {
  readonly returns: ReturnRecord[] = []
  readonly loads = new Map<string, Record<string, unknown>>()
  readonly events: SaltEvent[] = []
  down = false
}

function memoryReturner(store: MemoryStore, flaw?: Flaw): ReturnerDefinition<unknown> {
  return defineReturner<unknown>({
    name: 'memory',
    summary: 'Keeps returns in memory',
    options: z.strictObject({}),
    delivery: 'upsert',
    maxBatch: 10,
    jobCache: JOB_CACHE,
    open: (_options, context) => memoryHandle(store, flaw, context.now),
  })
}

function memoryHandle(store: MemoryStore, flaw: Flaw | undefined, now: () => number): ReturnerHandle {
  let made = 0
  const minionsOf = (jid: string) => (store.loads.get(jid)?.['Minions'] ?? []) as string[]
  const byMinion = (rets: ReturnRecord[]) => Object.fromEntries(rets.map((ret) => [ret.id, ret]))
  return {
    async returner(items, signal) {
      signal.throwIfAborted()
      if (store.down) throw flaw === 'says permanent for everything' ? new PermanentError('no') : new Error('the store is down')
      for (const { ret, json } of items) {
        if (flaw === 'refuses NUL' && json.includes('\\u0000')) throw new PermanentError('no NUL here')
        const at = store.returns.findIndex((one) => one.jid === ret.jid && one.id === ret.id)
        if (at >= 0 && flaw !== 'inserts blindly') store.returns.splice(at, 1)
        store.returns.push(flaw === 'changes values' ? (JSON.parse(json.replaceAll('\\u0000', '')) as ReturnRecord) : ret)
      }
    },
    async close() {},
    async saveLoad(jid, load, minions = []) {
      const stored = flaw === 'overwrites loads' ? load : (store.loads.get(jid) ?? load)
      const all = [...new Set([...minionsOf(jid), ...(flaw === 'forgets minions' ? [] : minions)])].toSorted()
      store.loads.set(jid, all.length === 0 ? stored : { ...stored, Minions: all })
    },
    async saveMinions(jid, minions) {
      const load = store.loads.get(jid)
      if (load !== undefined) store.loads.set(jid, { ...load, Minions: [...new Set([...minionsOf(jid), ...minions])].toSorted() })
    },
    getLoad: async (jid) => store.loads.get(jid) ?? null,
    getJid: async (jid) => byMinion(store.returns.filter((ret) => ret.jid === jid)),
    async getFun(fun) {
      const found = store.returns.filter((ret) => ret.fun === fun)
      return byMinion(flaw === 'last come is newest' ? found : found.toSorted((one, other) => (one.jid < other.jid ? -1 : 1)))
    },
    getJids: async () => Object.fromEntries(store.loads),
    getMinions: async () => [...new Set(store.returns.map((ret) => ret.id))],
    async eventReturn(events) {
      if (flaw !== 'loses events') store.events.push(...events)
    },
    async prepJid(_nocache, passed) {
      made += 1
      return passed ?? String(flaw === 'same jid twice' ? 10 ** 19 : 10 ** 19 + made * 10_000)
    },
    async cleanOldJobs(keepSeconds) {
      const before = new Date(now() - keepSeconds * 1000).toISOString().replaceAll(/\D/g, '')
      const isOld = (jid: string) => flaw === 'cleans all' || jid < before
      for (const jid of store.loads.keys()) if (isOld(jid)) store.loads.delete(jid)
      for (const ret of store.returns.filter(({ jid }) => isOld(jid))) store.returns.splice(store.returns.indexOf(ret), 1)
    },
  }
}

/** Runs a suite as a runner would, those of its tests that are wanted: the names of the tests that failed. */
async function failedTests(register: (runner: TestRunner) => void, wanted = /./): Promise<string[]> {
  const tests: [string, () => Promise<void>][] = []
  register({ describe: (_name, body) => body(), test: (name, body) => wanted.test(name) && tests.push([name, body]), expect })
  const failed: string[] = []
  for (const [name, body] of tests) await body().catch(() => failed.push(name))
  expect(tests.length).toBeGreaterThan(0)
  return failed
}

type MemoryFixture = ReturnerFixture & { store: MemoryStore }

function memorySuite(flaw?: Flaw): Omit<ReturnerSuite<unknown, MemoryFixture>, 'runner'> {
  let store = new MemoryStore()
  const definition = memoryReturner(new MemoryStore(), flaw)
  return {
    // Each fixture has a store of its own.
    definition: { ...definition, open: (options, context) => memoryReturner(store, flaw).open(options, context) },
    setup: async () => {
      store = new MemoryStore()
      const mine = store
      return { options: {}, store: mine, readBack: async () => mine.returns, readEvents: async () => mine.events }
    },
    failures: [
      {
        name: 'the store is down',
        kind: 'retry',
        async provoke(fixture) {
          fixture.store.down = true
          return {}
        },
        async mend(fixture) {
          fixture.store.down = false
        },
      },
    ],
  }
}

describe('the contract suite', () => {
  test('passes a returner that keeps the contract', async () => {
    expect(await failedTests((runner) => testReturner({ ...memorySuite(), runner }))).toEqual([])
  })

  test.each<[Flaw, RegExp]>([
    ['inserts blindly', /^takes a batch again that it has stored: upsert/],
    ['refuses NUL', /^stores NUL/],
    ['changes values', /^stores control characters/],
    ['forgets minions', /gives back what was saved/],
    ['overwrites loads', /gives back what was saved/],
    ['last come is newest', /the newest job of each minion/],
    ['cleans all', /removes old jobs/],
    ['loses events', /^stores events/],
    ['says permanent for everything', /^retry: the store is down/],
    ['same jid twice', /makes new ones/],
  ])('turns red when a returner %s', async (flaw, expected) => {
    expect(await failedTests((runner) => testReturner({ ...memorySuite(flaw), runner }), expected)).toEqual([expect.stringMatching(expected)])
  })

  test('turns red when a job cache lacks what it declares', async () => {
    const suite = memorySuite()
    const definition = { ...suite.definition, jobCache: ['getLoad'] as const }
    expect(await failedTests((runner) => testReturner({ ...suite, definition, runner }))).toEqual(['has of the job cache what it declares, and nothing else'])
  })
})

/** A server that stores each line under its key, or each line; it answers twice, the second time when it has stored. */
async function lineServer(overwrite: boolean) {
  const stored = new Map<string, ReturnRecord>()
  const server = createServer((socket) => {
    let text = ''
    socket.on('error', () => {})
    socket.on('data', (chunk) => {
      text += chunk.toString()
      if (!text.endsWith('\n')) return
      const { key, ret } = JSON.parse(text) as { key: string; ret: ReturnRecord }
      socket.write('got it\n', () => {
        stored.set(overwrite ? key : `${key} ${stored.size}`, ret)
        setImmediate(() => socket.write('stored it\n'))
      })
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return { port: (server.address() as AddressInfo).port, stored, close: () => server.close() }
}

const lines = defineReturner<{ port: number }>({
  name: 'lines',
  summary: 'Sends each return as a line',
  options: z.strictObject({ port: z.int().describe('Where to.') }),
  delivery: 'upsert',
  maxBatch: 3,
  open: ({ port }) => ({
    async returner(items, signal) {
      for (const { key, ret } of items) {
        const socket = connect({ host: '127.0.0.1', port, signal })
        socket.write(`${JSON.stringify({ key, ret })}\n`)
        const answers = createInterface({ input: socket })[Symbol.asyncIterator]()
        try {
          await Promise.race([once(socket, 'error').then(([error]) => Promise.reject(error as Error)), twoAnswers(answers)])
        } finally {
          socket.destroy()
        }
      }
    },
    async close() {},
  }),
})

async function twoAnswers(answers: AsyncIterator<string>): Promise<void> {
  for (const expected of ['got it', 'stored it']) {
    const { value } = (await answers.next()) as { value: unknown }
    if (value !== expected) throw new Error(`the connection ended: ${String(value)}`)
  }
}

test.each([{ overwrite: true, red: [] }, { overwrite: false, red: ['takes a batch again after its connection was cut, wherever that was: upsert'] }])(
  'the contract suite cuts the connection at each point of the conversation: %j',
  async ({ overwrite, red }) => {
    const setup = async () => {
      const server = await lineServer(overwrite)
      const proxy = await tcpProxy({ host: '127.0.0.1', port: server.port })
      const teardown = async (): Promise<void> => {
        await proxy.close()
        server.close()
      }
      return { options: { port: proxy.port }, proxy, readBack: async () => [...server.stored.values()], teardown }
    }
    const register = (runner: TestRunner): void => testReturner({ definition: lines, network: ({ proxy }) => proxy, setup, runner })
    expect(await failedTests(register, /was cut/)).toEqual(red)
  },
)
