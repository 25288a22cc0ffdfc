/** Whom a minion believes: publications by their signature, a master by its fingerprint. */
import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { waitFor } from '../site.ts'
import { change, fingerOf, hasKeyCache, ID, LIMIT_MS, masterKeys, masterOf, ping, reached, statusOf, type LifeBench, type LifeCheck, type LifeScenario } from './life-bench.ts'

const DROPPED = 'a publication without a good signature of the master was dropped'

const accepted: LifeCheck = {
  name: 'signed publications are taken',
  async run(bench) {
    await reached(bench, 'pending')
    await masterOf(bench).salt('salt-key', ['-a', ID, '-y'])
    await reached(bench, 'connected')
    await ping(bench)
  },
}

/** Publishes a job that must not run: its program would leave a file. */
async function refused(bench: LifeBench): Promise<void> {
  const mark = join(bench.site.root, 'it-ran')
  rmSync(mark, { force: true })
  const drops = (): number => bench.minion.log().split(DROPPED).length
  const before = drops()
  await masterOf(bench).salt('salt', ['--async', ID, 'cmd.run', `touch ${mark}`])
  await waitFor('the refusal', LIMIT_MS, async () => (drops() > before ? true : undefined))
  if (existsSync(mark) || (await statusOf(bench)).jobs.running > 0) throw new Error('the job ran')
}

/** What a stock master publishes is signed; whoever has the key that all minions share could write the rest himself. */
export const PUBLICATIONS: LifeScenario = {
  name: 'publications',
  masters: 1,
  minionYaml: ['master_alive_interval: 2', 'sign_pub_messages: True'],
  checks: [
    accepted,
    {
      name: 'one that another key has signed is refused, the next good one is taken',
      async run(bench) {
        if (hasKeyCache(bench.tree)) return console.log('     this Salt signs with the key that it has in memory: not to be had')
        const own = join(masterKeys(masterOf(bench)), 'master.pem')
        const before = readFileSync(own)
        const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
        // Read anew for each publication.
        writeFileSync(own, privateKey.export({ type: 'pkcs1', format: 'pem' }))
        try {
          await refused(bench)
        } finally {
          writeFileSync(own, before)
        }
        await ping(bench)
      },
    },
    {
      name: 'one without a signature is refused',
      async run(bench) {
        const master = masterOf(bench)
        await master.stop()
        await reached(bench, 'waiting')
        change(join(master.root, 'etc/master'), (text) => `${text}\nsign_pub_messages: False\n`)
        await bench.minion.end('SIGTERM')
        await master.start()
        bench.minion.start()
        await reached(bench, 'connected')
        await refused(bench)
      },
    },
  ],
}

const WRONG = Array.from({ length: 32 }, () => 'ab').join(':')

export const FINGERPRINT: LifeScenario = {
  name: 'fingerprint',
  masters: 1,
  minionYaml: ['master_alive_interval: 2', `master_finger: '${WRONG}'`],
  checks: [
    {
      name: 'a master with another fingerprint than master_finger is refused with both, and its key is not pinned',
      async run(bench) {
        const master = masterOf(bench)
        await reached(bench, 'pending')
        await master.salt('salt-key', ['-a', ID, '-y'])
        const error = await waitFor('the refusal', LIMIT_MS, async () => (await statusOf(bench)).masters[0]?.lastError?.match(/fingerprint is .*/)?.[0])
        for (const finger of [WRONG, fingerOf(master)]) if (!error.includes(finger)) throw new Error(`${finger} is not in: ${error}`)
        if (existsSync(join(bench.pkiDir, 'minion_master.pub'))) throw new Error('its key is pinned')
      },
    },
    {
      name: 'with the right master_finger it is taken, and its key pinned',
      async run(bench) {
        await bench.minion.end('SIGTERM')
        change(join(bench.minion.directory, 'minion'), (text) => text.replace(WRONG, fingerOf(masterOf(bench))))
        bench.minion.start()
        await reached(bench, 'connected')
        if (!existsSync(join(bench.pkiDir, 'minion_master.pub'))) throw new Error('its key is not pinned')
        await ping(bench)
      },
    },
  ],
}
