/** The life of keys, sessions and masters: a whole minion of ours under one or two unmodified Salt masters, driven by Salt's own commands. */
import { copyFileSync, existsSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { TransportKind } from '../../../agent/transport/settings.ts'
import { createSite, waitFor } from '../site.ts'
import { createStockMaster, type StockMaster } from '../stock-master.ts'
import {
  anotherKey, arrived, change, fingerOf, hasKeyCache, hold, ID, LIMIT_MS, masterKeys, masterOf, ownKeys, ping, queued, reached, release, statusOf, type LifeBench, type LifeCheck, type LifeScenario,
} from './life-bench.ts'
import { FINGERPRINT, PUBLICATIONS } from './life-trust-checks.ts'
import type { SaltTree } from './python-salt.ts'

const KEYS: LifeScenario = {
  name: 'keys and sessions',
  masters: 1,
  // Sessions are renewed every few seconds, so that every check crosses a renewal.
  masterYaml: () => ['publish_session: 8', 'rotate_aes_key: True', 'loop_interval: 1'],
  minionYaml: ['master_alive_interval: 2', 'random_reauth_delay: 1'],
  checks: [
    {
      name: 'a pending key is rejected, deleted, pending again and accepted',
      async run(bench) {
        const master = masterOf(bench)
        await reached(bench, 'pending')
        await master.salt('salt-key', ['-r', ID, '-y'])
        await reached(bench, 'rejected')
        await master.salt('salt-key', ['-d', ID, '-y'])
        await reached(bench, 'pending')
        await master.salt('salt-key', ['-a', ID, '-y'])
        await reached(bench, 'connected')
        await ping(bench)
      },
    },
    {
      name: 'session keys are renewed while it works: each request is answered',
      async run(bench) {
        const renewals = (): number => bench.minion.log().split('the session with the master was renewed').length - 1
        // At least two of them while it is asked, however fast the checks before this one were.
        const [wanted, end] = [renewals() + 2, performance.now() + LIMIT_MS]
        while (renewals() < wanted) {
          if (performance.now() > end) throw new Error('no two sessions were renewed in all that time')
          await ping(bench)
        }
        console.log(`     ${renewals()} sessions were renewed`)
      },
    },
    {
      name: 'a key deleted while a job runs: its return waits, and arrives after the key is accepted again',
      async run(bench) {
        const master = masterOf(bench)
        const jid = await hold(bench)
        await master.salt('salt-key', ['-d', ID, '-y'])
        await reached(bench, 'pending')
        await release(bench)
        await queued(bench, 1)
        await master.salt('salt-key', ['-a', ID, '-y'])
        await reached(bench, 'connected')
        await arrived(bench, jid)
        await ping(bench)
      },
    },
    {
      name: 'a master with another key is refused with both fingerprints, and gets the return once an operator agrees',
      async run(bench) {
        const master = masterOf(bench)
        const before = fingerOf(master)
        const jid = await hold(bench)
        await anotherKey(master)
        const error = await waitFor('the refusal', LIMIT_MS, async () => (await statusOf(bench)).masters[0]?.lastError?.match(/key has changed.*/)?.[0])
        for (const finger of [before, fingerOf(master)]) if (!error.includes(finger)) throw new Error(`${finger} is not in: ${error}`)
        await release(bench)
        await queued(bench, 1)
        rmSync(join(bench.pkiDir, 'minion_master.pub'))
        await reached(bench, 'connected')
        await arrived(bench, jid)
        await ping(bench)
      },
    },
    {
      name: 'a restarted master is found again; how long that took',
      async run(bench) {
        const master = masterOf(bench)
        await master.stop()
        await reached(bench, 'waiting')
        await master.start()
        const began = performance.now()
        await reached(bench, 'connected')
        console.log(`     connected ${Math.round(performance.now() - began)} ms after both ports were open`)
        await ping(bench)
      },
    },
  ],
}

const STRICT: LifeScenario = {
  name: 'signatures',
  masters: 1,
  // Salt puts its root_dir before the path.
  masterYaml: (tree) => [
    'master_sign_pubkey: True', 'autosign_grains_dir: /autosign', 'loop_interval: 1', 'drop_messages_signature_fail: True', `require_minion_sign_messages: ${!hasKeyCache(tree)}`,
  ],
  minionYaml: [
    'grains: { role: interop }', 'autosign_grains: [role]', 'verify_master_pubkey_sign: True', 'always_verify_signature: True', 'minion_sign_messages: True',
    'encryption_algorithm: OAEP-SHA224', 'signing_algorithm: PKCS1v15-SHA224', 'master_alive_interval: 2',
  ],
  async prepare(bench) {
    const master = masterOf(bench)
    mkdirSync(join(master.root, 'autosign'))
    writeFileSync(join(master.root, 'autosign', 'role'), 'interop\n')
    mkdirSync(bench.pkiDir, { recursive: true, mode: 0o700 })
    copyFileSync(join(masterKeys(master), 'master_sign.pub'), join(bench.pkiDir, 'master_sign.pub'))
  },
  checks: [
    {
      name: 'autosign_grains, master_sign_pubkey and the SHA-224 algorithms: accepted without salt-key, the signed key pinned',
      async run(bench) {
        await reached(bench, 'connected')
        await ping(bench)
      },
    },
    {
      name: 'minion_sign_messages: a master that drops what is not signed well takes the return, and one that fails over signatures gets it without',
      async run(bench) {
        const jid = await hold(bench)
        await release(bench)
        await arrived(bench, jid)
        const log = await masterOf(bench).log()
        if (/Failed to verify event signature|dropping message/.test(log)) throw new Error('a signature did not hold')
        const gaveUp = bench.minion.log().includes('returns go to this master without a signature')
        if (gaveUp !== hasKeyCache(bench.tree)) throw new Error(gaveUp ? 'the return went without a signature' : 'this master takes signed returns now: require them here')
      },
    },
    {
      name: 'another key of the master is taken without a word when it is signed',
      async run(bench) {
        const before = fingerOf(masterOf(bench))
        const jid = await hold(bench)
        await anotherKey(masterOf(bench))
        await reached(bench, 'connected')
        if (fingerOf(masterOf(bench)) === before) throw new Error('the master has the key that it had')
        await release(bench)
        await arrived(bench, jid)
      },
    },
    {
      name: 'master_use_pubkey_signature: a signature made beforehand is taken',
      async run(bench) {
        const master = masterOf(bench)
        await master.salt('salt-key', ['--gen-signature', '--pub', join(masterKeys(master), ownKeys(master, /\.pub$/)[0] ?? 'master.pub'), '--signature-path', masterKeys(master)])
        const made = readdirSync(masterKeys(master)).some((name) => name.endsWith('_pubkey_signature'))
        if (!made) throw new Error('salt-key made no signature')
        await Promise.all([master.stop(), bench.minion.end('SIGTERM')])
        change(join(master.root, 'etc/master'), (text) => `${text}\nmaster_use_pubkey_signature: True\n`)
        // salt-key signs with SHA-1, whatever the minions ask for.
        change(join(bench.minion.directory, 'minion'), (text) => text.replaceAll('-SHA224', '-SHA1'))
        await master.start()
        bench.minion.start()
        await reached(bench, 'connected')
        await ping(bench)
      },
    },
  ],
}

const accept: LifeCheck = {
  name: 'each master accepts the key, and pins are kept apart',
  async run(bench) {
    for (const [index, master] of bench.masters.entries()) {
      await waitFor('the key to come', LIMIT_MS, async () => (existsSync(join(masterKeys(master), 'minions_pre', ID)) ? true : undefined))
      await master.salt('salt-key', ['-a', ID, '-y'])
      if (index === 0) await reached(bench, 'connected')
    }
  },
}

const TOGETHER: LifeScenario = {
  name: 'two masters with a key each',
  masters: 2,
  minionYaml: ['master_alive_interval: 2'],
  checks: [
    accept,
    {
      name: 'both give orders; a return waits for the master that asked, the other is served',
      async run(bench) {
        await reached(bench, 'connected', 1)
        await ping(bench)
        await ping(bench, 1)
        const jid = await hold(bench, 1)
        await masterOf(bench, 1).stop()
        await reached(bench, 'waiting', 1)
        await release(bench)
        await ping(bench)
        await queued(bench, 1)
        await masterOf(bench, 1).start()
        await reached(bench, 'connected', 1)
        await arrived(bench, jid, 1)
      },
    },
  ],
}

const TOGETHER_ONE_KEY: LifeScenario = { ...TOGETHER, name: 'two masters with one key', sharedKey: true }

const FAILOVER: LifeScenario = {
  name: 'failover',
  masters: 2,
  minionYaml: ['master_type: failover', 'master_failback: True', 'master_failback_interval: 3'],
  checks: [
    accept,
    {
      name: 'the second master takes over, the first is gone back to and gets the return of its job; how long that took',
      async run(bench) {
        const jid = await hold(bench)
        const stopping = masterOf(bench).stop()
        await waitFor('the first to be lost', LIMIT_MS, async () => ((await statusOf(bench)).masters[0]?.state === 'connected' ? undefined : true), 20)
        const lost = performance.now()
        await reached(bench, 'connected', 1)
        console.log(`     the second master was connected ${Math.round(performance.now() - lost)} ms after the first was lost`)
        await stopping
        await ping(bench, 1)
        await release(bench)
        await queued(bench, 1)
        await masterOf(bench).start()
        const back = performance.now()
        await reached(bench, 'connected')
        console.log(`     back at the first ${Math.round(performance.now() - back)} ms after both of its ports were open`)
        await reached(bench, 'standby', 1)
        await arrived(bench, jid)
      },
    },
  ],
}

/** All of them. */
export const LIFE_SCENARIOS: readonly LifeScenario[] = [KEYS, STRICT, PUBLICATIONS, FINGERPRINT, TOGETHER, TOGETHER_ONE_KEY, FAILOVER]

/** Runs the scenarios whose name begins so, a line per check. */
export async function checkLife(tree: SaltTree, transport: TransportKind, only = ''): Promise<{ checks: number; failed: number }> {
  const wanted = LIFE_SCENARIOS.filter(({ name }) => name.startsWith(only))
  if (wanted.length === 0) throw new Error(`no scenario begins with "${only}": there are ${LIFE_SCENARIOS.map(({ name }) => `"${name}"`).join(', ')}`)
  let failed = 0
  for (const scenario of wanted) failed += await runScenario(scenario, tree, transport)
  return { checks: wanted.reduce((sum, { checks }) => sum + checks.length, 0), failed }
}

async function runScenario(scenario: LifeScenario, tree: SaltTree, transport: TransportKind): Promise<number> {
  const site = await createSite({ minionIds: [ID], transport })
  const masters: StockMaster[] = []
  let failed = 0
  try {
    for (let index = 0; index < scenario.masters; index += 1) masters.push(await createStockMaster({ ...tree, transport, config: scenario.masterYaml?.(tree) ?? [] }))
    await startAll(masters, scenario.sharedKey === true)
    const [minion] = site.minions
    if (minion === undefined) throw new Error('the site has no minion')
    const bench: LifeBench = { tree, masters, site, minion, pkiDir: join(minion.directory, 'etc/brine/pki/minion'), go: join(site.root, 'go') }
    writeFileSync(join(minion.directory, 'minion'), [
      `root_dir: ${minion.directory}`, `id: ${ID}`, `transport: ${transport}`, `master: [${masters.map(({ requestPort }) => `'127.0.0.1:${requestPort}'`).join(', ')}]`,
      'acceptance_wait_time: 1', 'rejected_retry: True', 'recon_max: 2000', 'log_level: info', ...scenario.minionYaml,
    ].join('\n'))
    await scenario.prepare?.(bench)
    minion.start()
    for (const check of scenario.checks) failed += await report(`${transport}: ${scenario.name}`, check, bench)
    if (failed > 0) console.log(minion.log().split('\n').slice(-40).join('\n'))
  } finally {
    if (failed > 0) for (const master of masters) console.log((await master.log()).split('\n').slice(-25).join('\n'))
    await site.close()
    for (const master of masters) await master.remove()
  }
  return failed
}

async function startAll([first, ...others]: readonly StockMaster[], sharedKey: boolean): Promise<void> {
  await first?.start()
  for (const master of others) {
    if (first !== undefined && sharedKey) {
      mkdirSync(masterKeys(master), { recursive: true })
      for (const name of ownKeys(first, /\.(pem|pub)$/)) copyFileSync(join(masterKeys(first), name), join(masterKeys(master), name))
    }
    await master.start()
  }
}

async function report(where: string, { name, run }: LifeCheck, bench: LifeBench): Promise<number> {
  const began = performance.now()
  try {
    await run(bench)
    console.log(`ok   ${where}: ${name} (${Math.round(performance.now() - began)} ms)`)
    return 0
  } catch (error) {
    console.log(`FAIL ${where}: ${name}: ${error instanceof Error ? error.message : String(error)}`)
    return 1
  }
}
