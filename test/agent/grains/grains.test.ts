import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import * as os from 'node:os'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { systemClock } from '../../../agent/clock.ts'
import { configuredGrains, fileGrains } from '../../../agent/grains/fixed.ts'
import { createGrains } from '../../../agent/grains/grains.ts'
import type { Grains } from '../../../agent/grains/grains.ts'
import { hostGrains } from '../../../agent/grains/host.ts'
import type { HostFacts, HostSettings } from '../../../agent/grains/host.ts'
import type { GrainSource } from '../../../agent/grains/source.ts'
import type { Logger } from '../../../agent/log.ts'
import type { ValueObject } from '../../../agent/wire/value.ts'
import { createFakeClock } from '../../helpers/fake-clock.ts'
import { until } from '../../helpers/until.ts'
import { osGrains } from '../../../agent/grains/os-release.ts'
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

const host: HostFacts = {
  hostname: () => 'web1',
  type: () => 'Linux',
  release: () => '6.1.0-18-amd64',
  version: () => '#1 SMP',
  arch: () => 'arm64',
  cpus: () => [{ model: 'Cortex' }, { model: 'Cortex' }],
  totalmem: () => 2 * 1024 ** 3,
  networkInterfaces: () => ({
    eth0: [
      { address: '10.1.2.3', netmask: '255.0.0.0', family: 'IPv4', mac: '02:00:00:00:00:01', internal: false, cidr: null },
      { address: 'fe80::1', netmask: '', family: 'IPv6', mac: '02:00:00:00:00:01', internal: false, cidr: null, scopeid: 1 },
    ],
    lo: [{ address: '127.0.0.1', netmask: '255.0.0.0', family: 'IPv4', mac: '00:00:00:00:00:00', internal: true, cidr: null }],
  }),
}

interface Given extends Partial<HostSettings> {
  configured?: ValueObject
  log?: Logger
}

function grainsOf({ configured = {}, log = silentLogger, ...more }: Given = {}): Grains {
  const settings = { id: 'web1.example.com', master: 'salt', saltVersion: '3007.8', brineVersion: '0.1.0', root, path: '/usr/bin:/bin', pid: 42, host, ...more }
  const sources = [hostGrains(settings), fileGrains(join(root, 'etc/brine'), log), configuredGrains(configured)]
  return createGrains({ sources, timeoutMs: 10_000 }, systemClock, log)
}

describe('the operating system', () => {
  test.each([
    [
      'Debian',
      'PRETTY_NAME="Debian GNU/Linux 12 (bookworm)"\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\nVERSION="12 (bookworm)"\nVERSION_CODENAME=bookworm\nID=debian\n',
      { os: 'Debian', os_family: 'Debian', osfullname: 'Debian GNU/Linux', osrelease: '12', osrelease_info: [12], osmajorrelease: 12, oscodename: 'bookworm', osfinger: 'Debian GNU/Linux-12' },
    ],
    [
      'Ubuntu',
      'NAME="Ubuntu"\nVERSION_ID="22.04"\nVERSION="22.04.3 LTS (Jammy Jellyfish)"\nVERSION_CODENAME=jammy\nID=ubuntu\nID_LIKE=debian\n',
      { os: 'Ubuntu', os_family: 'Debian', osfullname: 'Ubuntu', osrelease: '22.04', osrelease_info: [22, 4], osmajorrelease: 22, oscodename: 'jammy', osfinger: 'Ubuntu-22.04' },
    ],
    [
      'Rocky',
      'NAME="Rocky Linux"\nVERSION="9.3 (Blue Onyx)"\nID="rocky"\nVERSION_ID="9.3"\n',
      { os: 'Rocky', os_family: 'RedHat', osfullname: 'Rocky Linux', osrelease: '9.3', osrelease_info: [9, 3], osmajorrelease: 9, oscodename: 'Blue Onyx', osfinger: 'Rocky Linux-9' },
    ],
    [
      'Alpine',
      "NAME='Alpine Linux'\nID=alpine\nVERSION_ID=3.19.1\n",
      { os: 'Alpine', os_family: 'Alpine', osfullname: 'Alpine Linux', osrelease: '3.19.1', osrelease_info: [3, 19, 1], osmajorrelease: 3, oscodename: '', osfinger: 'Alpine Linux-3.19.1' },
    ],
    ['an unknown one', 'ID=plan9\nNAME="Plan 9"\n', { os: 'Plan 9', os_family: 'Plan 9', osfullname: 'Plan 9', osrelease: '', osrelease_info: [], osmajorrelease: null, oscodename: '', osfinger: 'Plan 9-' }],
    ['none', undefined, { os: 'Unknown', os_family: 'Unknown', osfullname: 'Unknown', osrelease: '', osrelease_info: [], osmajorrelease: null, oscodename: '', osfinger: 'Unknown-' }],
  ])('%s', (_name, text, expected) => {
    expect(osGrains(text)).toEqual(expected)
  })
})

describe('the grains', () => {
  test('are empty until collected, then have all that a master wants', async () => {
    write('etc/os-release', 'ID=debian\nNAME="Debian GNU/Linux"\nVERSION_ID="12"\n')
    write('etc/machine-id', '0123456789abcdef\n')
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
    expect(await grains.refresh()).toMatchObject({ roles: ['cache'], os: 'Unknown' })
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

  test('know a container and a hypervisor', async () => {
    write('sys/class/dmi/id/product_name', 'Standard PC (Q35 + ICH9, 2009)\n')
    expect(await grainsOf().refresh()).toMatchObject({ virtual: 'kvm' })

    write('.dockerenv', '')
    expect(await grainsOf().refresh()).toMatchObject({ virtual: 'container' })
  })

  test('can be had from this very host', async () => {
    const grains = await grainsOf({ root: '/', host: os }).refresh()

    expect(grains).toMatchObject({ kernel: 'Linux', num_cpus: os.cpus().length })
    expect(grains['ipv4']).toContain('127.0.0.1')
  })
})

describe('sources', () => {
  const fixed = (name: string, grains: ValueObject): GrainSource => ({ name, collect: () => grains })

  test('see what those before gave; one that fails costs only itself', async () => {
    const warnings: object[] = []
    const log = { ...silentLogger, warn: (fields: object) => void warnings.push(fields) }
    const broken: GrainSource = { name: 'broken', collect: () => Promise.reject(new Error('no')) }
    const reader: GrainSource = { name: 'reader', collect: (known) => ({ seen: Object.keys(known) }) }
    const grains = createGrains({ sources: [fixed('one', { a: 1 }), broken, reader, fixed('two', { b: 2 })], timeoutMs: 1000 }, systemClock, log)

    expect(await grains.refresh()).toEqual({ a: 1, seen: ['a'], b: 2 })
    expect(warnings).toMatchObject([{ source: 'broken' }])
  })

  test('that hang are left behind', async () => {
    const clock = createFakeClock()
    const signals: AbortSignal[] = []
    const hanging: GrainSource = { name: 'hanging', collect: (_known, signal) => (signals.push(signal), new Promise(() => {})) }
    const grains = createGrains({ sources: [hanging, fixed('one', { a: 1 })], timeoutMs: 1000 }, clock, silentLogger)
    const refreshed = grains.refresh()
    await until(() => signals.length === 1, 'the source is asked')
    await clock.advance(1000)

    expect(await refreshed).toEqual({ a: 1 })
    expect(signals[0]?.aborted).toBe(true)
  })

  test('that are slow are left out of a quick refresh, which keeps what they gave', async () => {
    let asked = 0
    const slow: GrainSource = { name: 'slow', slow: true, collect: () => ({ asked: ++asked }) }
    const grains = createGrains({ sources: [slow], timeoutMs: 1000 }, systemClock, silentLogger)

    expect(await grains.refresh({ quick: true })).toEqual({})
    expect(await grains.refresh()).toEqual({ asked: 1 })
    expect(await grains.refresh({ quick: true })).toEqual({ asked: 1 })
  })
})
