import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import * as os from 'node:os'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../agent/clock.ts'
import type { Clock } from '../../../agent/clock.ts'
import { configuredGrains, fileGrains } from '../../../agent/grains/fixed.ts'
import { keepFresh } from '../../../agent/grains/keep-fresh.ts'
import { createGrains } from '../../../agent/grains/grains.ts'
import type { Grains } from '../../../agent/grains/grains.ts'
import { hostFiles } from '../../../agent/grains/host-files.ts'
import type { HostFiles } from '../../../agent/grains/host-files.ts'
import { hostGrains } from '../../../agent/grains/host.ts'
import type { HostFacts, HostSettings } from '../../../agent/grains/host.ts'
import type { GrainSource } from '../../../agent/grains/source.ts'
import type { Logger } from '../../../agent/log.ts'
import type { ValueObject } from '../../../agent/wire/value.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import { until } from '../../helpers/until.ts'
import { silentLogger } from '../../../agent/log.ts'

let root = ''

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'brine-grains-'))
})

afterEach(() => rmSync(root, { recursive: true, force: true }))

function write(path: string, text: string): void {
  mkdirSync(dirname(join(root, path)), { recursive: true })
  writeFileSync(join(root, path), text)
}

const facts: HostFacts = {
  hostname: () => 'web1',
  type: () => 'Linux',
  release: () => '6.1.0-18-amd64',
  version: () => '#1 SMP',
  arch: () => 'arm64',
  machine: () => 'aarch64',
  networkInterfaces: () => ({
    eth0: [
      { address: '10.1.2.3', netmask: '255.0.0.0', family: 'IPv4', mac: '02:00:00:00:00:01', internal: false, cidr: null },
      { address: 'fe80::1', netmask: '', family: 'IPv6', mac: '02:00:00:00:00:01', internal: false, cidr: null, scopeid: 1 },
    ],
    lo: [{ address: '127.0.0.1', netmask: '255.0.0.0', family: 'IPv4', mac: '00:00:00:00:00:00', internal: true, cidr: null }],
  }),
}

interface Given {
  files?: HostFiles
  facts?: HostFacts
  configured?: ValueObject
  log?: Logger
  sources?: GrainSource[]
  blacklist?: string[]
  deepMerge?: boolean
}

function hostSettings({ files, facts: own }: Pick<Given, 'files' | 'facts'> = {}): HostSettings {
  return {
    id: 'web1.example.com',
    master: 'salt',
    appendDomain: '',
    saltVersion: '3007.8',
    brineVersion: '0.1.0',
    gpus: true,
    files: files ?? hostFiles(root, '/usr/bin:/bin'),
    process: { pid: 42, uid: 0, gid: 0, username: 'root', cwd: '/', environment: { PATH: '/usr/bin:/bin', LANG: 'de_DE.UTF-8' } },
    host: own ?? facts,
  }
}

function grainsOf({ configured = {}, log = silentLogger, sources = [], blacklist = [], deepMerge = false, ...more }: Given = {}): Grains {
  const all = [hostGrains(hostSettings(more)), ...sources, fileGrains(join(root, 'etc/brine'), log), configuredGrains(configured)]
  return createGrains({ sources: all, timeoutMs: 10_000, blacklist, deepMerge }, systemClock, log)
}

/** Grains of these sources alone. */
function grainsFrom(sources: GrainSource[], clock: Clock = systemClock, log: Logger = silentLogger): Grains {
  return createGrains({ sources, timeoutMs: 1000, blacklist: [], deepMerge: false }, clock, log)
}

describe('the grains', () => {
  test('are empty until collected, then have all that a master wants', async () => {
    write('etc/os-release', 'ID=debian\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\n')
    write('etc/machine-id', '0123456789abcdef\n')
    write('proc/cpuinfo', 'processor : 0\nmodel name : Cortex\nFeatures : fp asimd\n\nprocessor : 1\nmodel name : Cortex\n')
    write('proc/meminfo', 'MemTotal: 2097160 kB\nSwapTotal: 0 kB\n')
    write('etc/hosts', '127.0.0.1 localhost\n10.1.2.3 web1.example.com web1 # me\n')
    const grains = grainsOf()
    expect(grains.current()).toEqual({})

    await grains.refresh()

    expect(grains.current()).toMatchObject({
      id: 'web1.example.com',
      host: 'web1',
      nodename: 'web1',
      fqdn: 'web1.example.com',
      domain: 'example.com',
      os: 'Debian',
      os_family: 'Debian',
      kernel: 'Linux',
      kernelrelease: '6.1.0-18-amd64',
      ipv4: ['10.1.2.3', '127.0.0.1'],
      ipv6: ['fe80::1'],
      ip4_interfaces: { eth0: ['10.1.2.3'], lo: ['127.0.0.1'] },
      cpuarch: 'aarch64',
      num_cpus: 2,
      mem_total: 2048,
      swap_total: 0,
      cpu_model: 'Cortex',
      osarch: 'arm64',
      server_id: 1_935_464_723,
      machine_id: '0123456789abcdef',
      virtual: 'physical',
      master: 'salt',
      path: '/usr/bin:/bin',
      pid: 42,
      saltversion: '3007.8',
      saltversioninfo: [3007, 8],
    })
  })

  test('of the file and of the configuration win, in this order, and a refresh reads them again', async () => {
    write('etc/brine/grains', 'roles: [web, db]\nos: FromFile\nsince: 2026-01-02\nrack: 017\nn: 1\n')
    const grains = grainsOf({ configured: { n: 2 } })
    expect(await grains.refresh()).toMatchObject({ roles: ['web', 'db'], os: 'FromFile', n: 2, since: '2026-01-02', rack: 17 })

    write('etc/brine/grains', 'roles: [cache]\n')
    expect(await grains.refresh()).toMatchObject({ roles: ['cache'], os: '' })
  })

  test('do without a file that is no map or no YAML, and say so', async () => {
    const warnings: object[] = []
    const log = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) }
    const grains = grainsOf({ log })

    write('etc/brine/grains', '- a\n')
    await grains.refresh()
    write('etc/brine/grains', '{')
    await grains.refresh()

    expect(warnings).toHaveLength(2)
    expect(grains.current()).toMatchObject({ id: 'web1.example.com' })
  })

  test('can be had from this very host', async () => {
    const grains = await grainsOf({ files: hostFiles('/', process.env['PATH'] ?? ''), facts: os }).refresh()

    expect(grains).toMatchObject({ kernel: 'Linux', num_cpus: os.cpus().length })
    expect(grains['ipv4']).toContain('127.0.0.1')
  })
})

const fixed = (name: string, grains: ValueObject): GrainSource => ({ name, collect: () => grains })

describe('sources', () => {
  test('are filtered by the blacklist, but for the configuration', async () => {
    write('etc/brine/grains', 'secret_one: 1\nopen: 2\nrack: 3\n')
    const grains = await grainsOf({ blacklist: ['secret_*', 'ra[c]k|cpu_.*'], configured: { rack: 4 } }).refresh()

    expect(grains).toMatchObject({ open: 2, rack: 4, num_cpus: 0 })
    expect(Object.keys(grains).filter((name) => /^secret|^cpu_/.test(name))).toEqual([])
  })

  test('replace maps, or merge them with grains_deep_merge', async () => {
    write('etc/brine/grains', 'site: {b: 2, deep: {y: 2}}\n')
    const sources = [fixed('site', { site: { a: 1, deep: { x: 1 } } })]

    expect(await grainsOf({ sources }).refresh()).toMatchObject({ site: { b: 2, deep: { y: 2 } } })
    expect((await grainsOf({ sources, deepMerge: true }).refresh())['site']).toEqual({ a: 1, b: 2, deep: { x: 1, y: 2 } })
  })

  test('see what those before gave; one that fails costs only itself', async () => {
    const warnings: object[] = []
    const log = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) }
    const broken: GrainSource = { name: 'broken', collect: () => Promise.reject(new Error('no')) }
    const reader: GrainSource = { name: 'reader', collect: (known) => ({ seen: Object.keys(known) }) }
    const grains = grainsFrom([fixed('one', { a: 1 }), broken, reader, fixed('two', { b: 2 })], systemClock, log)

    expect(await grains.refresh()).toEqual({ a: 1, seen: ['a'], b: 2 })
    expect(warnings).toMatchObject([{ source: 'broken' }])
  })

  test('keep what a source gave last when it fails later: masters target by it', async () => {
    let isFailing = false
    const flaky: GrainSource = { name: 'flaky', collect: () => (isFailing ? Promise.reject(new Error('too many open files')) : { os: 'Test' }) }
    const grains = grainsFrom([flaky, fixed('one', { a: 1 })])
    await grains.refresh()
    isFailing = true

    expect(await grains.refresh()).toEqual({ os: 'Test', a: 1 })
  })

  test('lose only what no master could be sent', async () => {
    let deep: ValueObject = {}
    for (let depth = 0; depth < 600; depth += 1) deep = { deep }
    const errors: object[] = []
    const log = { ...silentLogger, error: (fields: object) => void errors.push(fields) }
    const grains = grainsFrom([fixed('one', { a: 1, deep })], systemClock, log)
    let told = 0
    await grains.refresh()
    const stop = keepFresh(grains, { everyMs: 0, changed: () => void told++ }, systemClock)
    await until(() => errors.length === 2, 'the round in the background is over')
    stop()

    expect(grains.current()).toEqual({ a: 1 })
    expect(errors).toMatchObject([{ source: 'one', grains: ['deep'] }, { grains: ['deep'] }])
  })

  test('that hang are left behind', async () => {
    const clock = createFakeClock()
    const signals: AbortSignal[] = []
    const hanging: GrainSource = { name: 'hanging', collect: (_known, signal) => (signals.push(signal), new Promise(() => {})) }
    const grains = grainsFrom([hanging, fixed('one', { a: 1 })], clock, silentLogger)
    const refreshed = grains.refresh()
    await until(() => signals.length === 1, 'the source is asked')
    await clock.advance(1000)

    expect(await refreshed).toEqual({ a: 1 })
    expect(signals[0]?.aborted).toBe(true)
  })

  test('that are slow are left out of a quick refresh, which keeps what they gave', async () => {
    let asked = 0
    const slow: GrainSource = { name: 'slow', slow: true, collect: () => ({ asked: ++asked }) }
    const grains = grainsFrom([slow], systemClock, silentLogger)

    expect(await grains.refresh({ quick: true })).toEqual({})
    expect(await grains.refresh()).toEqual({ asked: 1 })
    expect(await grains.refresh({ quick: true })).toEqual({ asked: 1 })
  })
})

describe('fresh grains', () => {
  test('are collected in the background, then as often as asked; only a change is told', async () => {
    const clock = createFakeClock()
    let value = 1
    let told = 0
    let rounds = 0
    const grains = grainsFrom([{ name: 'slow', slow: true, collect: () => ({ value, round: Math.min(++rounds, 1) }) }], clock)
    await grains.refresh({ quick: true })
    const stop = keepFresh(grains, { everyMs: 60_000, changed: () => void told++ }, clock)
    await until(() => told === 1, 'the first change is told')
    await until(() => clock.pending().length === 1, 'the next round is due')
    expect(grains.current()).toEqual({ value: 1, round: 1 })

    await clock.advance(60_000)
    await until(() => rounds === 2 && clock.pending().length === 1, 'the second round is over')
    expect(told).toBe(1)

    value = 2
    await clock.advance(60_000)
    await until(() => told === 2, 'the second change is told')
    await until(() => clock.pending().length === 1, 'the next round is due')
    stop()
    expect(clock.pending()).toEqual([])
  })
})
