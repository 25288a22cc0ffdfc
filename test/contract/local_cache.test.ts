import { mkdir, mkdtemp, readdir, readFile, rm, utimes, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { toJsonText } from '../../agent/wire/json.ts'
import { decode, encode } from '../../agent/wire/msgpack.ts'
import type { ValueObject } from '../../agent/wire/value.ts'
import type { ReturnRecord } from '../../returners/contract.ts'
import definition from '../../returners/local_cache/index.ts'
import { sampleContext, sampleItem, sampleReturn, testReturner } from '../../returners/testing.ts'

const JID = '20250101000000000050'
/** Its SHA-256. */
const DIGEST = 'a48506180781449612c47ede37e95c3b98031adf526675a33e699c81b6104f51'
const signal = new AbortController().signal

testReturner({
  definition,
  runner: { describe, test, expect },
  wrongOptions: [
    { options: { cachedir: 7 }, message: /cachedir: expected text/ },
    { options: { cachedir: 'cache' }, message: /cachedir: expected an absolute path/ },
    { options: { hash_type: 'crc' }, message: /hash_type: expected md5/ },
  ],
  async setup() {
    const directory = await mkdtemp(join(tmpdir(), 'brine-local-cache-'))
    const options = { cachedir: directory }
    return {
      options,
      directory,
      readBack: async () => (await readTexts(directory)).map((text) => JSON.parse(text) as ReturnRecord),
      readTexts: () => readTexts(directory),
      teardown: () => rm(directory, { recursive: true }),
    }
  },
  mayRefuse: ['half a surrogate pair', 'control characters in the other fields'],
  failures: [
    {
      name: 'a file is where the directory should be',
      kind: 'operator',
      message: /jobs: EEXIST|jobs: ENOTDIR/,
      provoke: async ({ directory }) => (await writeFile(join(directory, 'jobs'), ''), {}),
      mend: ({ directory }) => rm(join(directory, 'jobs')),
    },
    {
      name: 'a minion id that can be no directory',
      kind: 'permanent',
      message: /the minion id "\.\.\/\.\.\/etc" cannot be the name of a directory/,
      provoke: async () => ({ items: [sampleItem(sampleReturn(JID, { id: '../../etc' }))] }),
    },
  ],
})

/** What is in the files, as JSON with exact numbers. */
async function readTexts(directory: string): Promise<string[]> {
  const returns = (await readdir(directory, { recursive: true })).filter((name) => basename(name) === 'return.p')
  return Promise.all(returns.map(async (name) => {
    const minion = join(directory, dirname(name))
    const there = (await readdir(minion)).includes('out.p') ? ['out.p'] : []
    const files = await Promise.all(['record.p', 'return.p', ...there].map(async (file) => decode(await readFile(join(minion, file)))))
    const [record, result, out] = files
    return toJsonText({ ...(record as ValueObject), ...(result as ValueObject), ...(out !== undefined && { out }) })
  }))
}

describe('the layout', () => {
  test('is Salt\'s, with what Salt has no place for beside it', async () => {
    await withDirectory(async (directory) => {
      const handle = await openCache(directory)
      await handle.saveLoad?.(JID, { jid: JID, fun: 'test.ping', arg: [], tgt: '*', tgt_type: 'glob' }, ['web1'])
      await handle.returner([sampleItem(sampleReturn(JID, { id: 'web1', out: 'txt', return: { ok: 1 } }))], signal)
      const [found = ''] = await jobsIn(directory)
      expect(found).toBe(join(directory, 'jobs', DIGEST.slice(0, 2), DIGEST.slice(2)))
      expect((await readdir(found)).toSorted()).toEqual(['.load.p', '.minions.p', 'jid', 'web1'])
      expect((await readdir(join(found, 'web1'))).toSorted()).toEqual(['out.p', 'record.p', 'return.p'])
      expect(decode(await readFile(join(found, 'web1', 'return.p')))).toEqual({ return: { ok: 1 }, retcode: 0, success: true })
      expect(decode(await readFile(join(found, 'web1', 'out.p')))).toBe('txt')
      expect(decode(await readFile(join(found, '.minions.p')))).toEqual(['web1'])
    })
  })

  test('of a cache that Salt wrote is read: bare values, lists of syndics, a file that was cut off', async () => {
    await withDirectory(async (directory) => {
      const handle = await openCache(directory)
      await handle.saveLoad?.(JID, { jid: JID, fun: 'test.echo', arg: ['x'], tgt: '*' }, ['a'])
      const [job = ''] = await jobsIn(directory)
      await writeFile(join(job, '.minions.north.p'), encode(['z']))
      for (const [id, bytes] of [['old', encode('x')], ['new', encode({ return: 'x', retcode: 3, success: false })], ['torn', Buffer.from([0x85])]] as const) {
        await mkdir(join(job, id))
        await writeFile(join(job, id, 'return.p'), bytes)
      }
      expect((await handle.getLoad?.(JID))?.['Minions']).toEqual(['a', 'z'])
      const common = { fun: 'test.echo', fun_args: ['x'], jid: JID, return: 'x' }
      expect(await handle.getJid?.(JID)).toEqual({
        old: { ...common, id: 'old', retcode: 0, success: true }, new: { ...common, id: 'new', retcode: 3, success: false },
      })
    })
  })

  test('keeps no return of a job that nocache marks', async () => {
    await withDirectory(async (directory) => {
      const handle = await openCache(directory)
      await handle.prepJid?.(true, JID)
      await handle.returner([sampleItem(sampleReturn(JID, { id: 'a' }))], signal)
      expect(await handle.getJid?.(JID)).toEqual({})
    })
  })

  test('lies below the cachedir of the agent when the options name none', async () => {
    await withDirectory(async (cacheDir) => {
      const handle = await definition.open({ hash_type: 'sha256' }, sampleContext({ cacheDir }))
      await handle.returner([sampleItem(sampleReturn(JID, { id: 'a' }))], signal)
      expect(await jobsIn(cacheDir)).toHaveLength(1)
    })
  })

  test('loses an old directory without a jid file, and the empty ones above', async () => {
    await withDirectory(async (directory) => {
      const handle = await openCache(directory, () => Date.now())
      const ruin = join(directory, 'jobs', 'ab', 'cdef')
      await mkdir(ruin, { recursive: true })
      await handle.cleanOldJobs?.(3600)
      expect(await jobsIn(directory)).toEqual([ruin])
      await utimes(ruin, 1, 1)
      await handle.cleanOldJobs?.(3600)
      expect(await readdir(join(directory, 'jobs'))).toEqual([])
    })
  })
})

async function openCache(cachedir: string, now = (): number => 1_700_000_000_000) {
  return definition.open({ cachedir, hash_type: 'sha256' }, sampleContext({ now }))
}

async function jobsIn(directory: string): Promise<string[]> {
  const jobs = join(directory, 'jobs')
  const tops = await readdir(jobs)
  return (await Promise.all(tops.map(async (top) => (await readdir(join(jobs, top))).map((rest) => join(jobs, top, rest))))).flat()
}

async function withDirectory(body: (directory: string) => Promise<void>): Promise<void> {
  const directory = await mkdtemp(join(tmpdir(), 'brine-local-cache-'))
  try {
    await body(directory)
  } finally {
    await rm(directory, { recursive: true })
  }
}
