import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { findProgram } from '../../../../agent/modules/programs.ts'
import { aptCandidates, aptRefresh, aptUpgrades, dpkgPackages } from '../../../../agent/modules/pkg/parse-apt.ts'
import { apkOwner, apkPackages, apkUpgrades } from '../../../../agent/modules/pkg/parse-apk.ts'
import { compareRpmVersions, dnfPackages, rpmPackages } from '../../../../agent/modules/pkg/parse-rpm.ts'
import { readRpmInfo } from '../../../../agent/modules/pkg/info.ts'
import { createModuleBench } from '../module-bench.ts'
import type { ModuleBench } from '../module-bench.ts'

/** A bench whose PATH begins with programs that stand for a distribution's. Each writes down its calls. */
function distribution(family: string, programs: Record<string, string>): ModuleBench & { calls: () => string[] } {
  const bench: ModuleBench = createModuleBench(() => ({
    grains: { os_family: family, osarch: family === 'Debian' ? 'amd64' : 'x86_64', cpuarch: 'x86_64' },
    settings: { environment: { PATH: `${join(bench.directory, 'bin')}:/usr/bin:/bin` } },
  }))
  beforeAll(() => {
    mkdirSync(join(bench.directory, 'bin'))
    for (const [name, body] of Object.entries(programs)) {
      const path = join(bench.directory, 'bin', name)
      writeFileSync(path, `#!/bin/sh\necho "${name} $*" >> ${bench.directory}/calls\ncd ${bench.directory}\n${body}\n`)
      chmodSync(path, 0o755)
    }
  })
  return Object.assign(bench, {
    calls: () => {
      const path = join(bench.directory, 'calls')
      const lines = existsSync(path) ? readFileSync(path, 'utf8').trim().split('\n') : []
      rmSync(path, { force: true })
      return lines
    },
  })
}

describe('Debian', () => {
  const apt = distribution('Debian', {
    'dpkg-query': `if [ -e done ]; then echo 'install ok installed web 2.0-1 amd64'; else echo 'install ok installed web 1.0-1 amd64'; fi
printf 'hold ok installed held 3.1 all\\ndeinstall ok config-files gone 1:4.8 amd64\\ninstall ok installed lib 1 i386\\n'`,
    'apt-get': `case "$*" in
*update) printf 'Hit:1 http://deb.example stable InRelease\\nGet:2 http://deb.example stable/main [12 kB]\\nErr:3 http://no.example x\\n' ;;
*--just-print*) printf 'Inst web [1.0-1] (2.0-1 Debian:12 [amd64])\\nConf web (2.0-1 Debian:12 [amd64])\\n' ;;
*broken*) echo 'E: Unable to locate package broken' >&2; exit 100 ;;
*install*) touch done ;;
esac`,
    'apt-cache': "printf 'web:\\n  Installed: 1.0-1\\n  Candidate: 2.0-1\\n  Version table:\\n held:\\nheld:\\n  Installed: 3.1\\n  Candidate: 3.1\\nghost:\\n  Candidate: (none)\\n'",
    dpkg: `case "$*" in
'--compare-versions 3.1 ge 3.1'|'--compare-versions 2.0-1 ge 1.0-1') exit 0 ;;
--compare-versions*) exit 1 ;;
'-S -- /usr/bin/web') echo 'web: /usr/bin/web' ;;
-S*) echo 'dpkg-query: no path found' >&2; exit 1 ;;
'--get-selections web') echo 'web   install' ;;
'--get-selections held') echo 'held   hold' ;;
--set-selections) cat >> selected ;;
esac`,
  })

  test('lists, versions and candidates', async () => {
    expect(await apt.result('pkg.list_pkgs')).toEqual({ web: '1.0-1', held: '3.1', 'lib:i386': '1' })
    expect(await apt.result('pkg.list_pkgs', [], { removed: true })).toEqual({ gone: '1:4.8' })
    expect(await apt.result('pkg.list_pkgs', [], { versions_as_list: true })).toMatchObject({ web: ['1.0-1'] })
    expect(await apt.result('pkg.version', ['web', 'none'])).toEqual({ web: '1.0-1', none: '' })
    expect(await apt.result('pkg.version', ['we*'])).toBe('1.0-1')
    expect(await apt.result('pkg.latest_version', ['web'], { refresh: false })).toBe('2.0-1')
    expect(await apt.result('pkg.latest_version', ['web', 'held', 'ghost'], { refresh: false })).toEqual({ web: '2.0-1', held: '', ghost: '' })
    expect(await apt.result('pkg.upgrade_available', ['held'], { refresh: false })).toBe(false)
    expect(await apt.result('pkg.list_upgrades', [], { refresh: false })).toEqual({ web: '2.0-1' })
    expect(await apt.result('pkg.owner', ['/usr/bin/web', '/no'])).toEqual({ '/usr/bin/web': 'web', '/no': '' })
  })

  test('refreshes', async () => {
    expect(await apt.result('pkg.refresh_db')).toEqual({ 'http://deb.example stable InRelease': null, 'http://deb.example stable/main': true, 'http://no.example x': false })
    expect(await apt.result('pkg.refresh_db', [], { failhard: true })).toBe('ERROR: Error getting repos: http://no.example x')
  })

  test('installs, removes, and says what changed', async () => {
    apt.calls()
    expect(await apt.result('pkg.install', ['web'], { version: '2.0-1', install_recommends: false })).toEqual({ web: { old: '1.0-1', new: '2.0-1' } })
    expect(apt.calls().filter((line) => line.startsWith('apt-get'))).toEqual([
      'apt-get -q -y -o DPkg::Options::=--force-confold -o DPkg::Options::=--force-confdef --no-install-recommends install web=2.0-1',
    ])
    expect(await apt.run('pkg.install', [], { pkgs: ['broken'] })).toMatchObject({
      return: 'ERROR: Problem encountered installing package(s). Additional info follows:\n\nerrors:\n    - E: Unable to locate package broken', success: false,
    })
    expect(await apt.result('pkg.remove', ['none'])).toEqual({})
    await apt.run('pkg.purge', ['we*,gone'])
    expect(apt.calls().filter((line) => line.includes('purge'))).toEqual(['apt-get -q -y purge web gone'])
  })

  test('holds', async () => {
    expect(await apt.result('pkg.hold', ['web'])).toEqual({
      web: { name: 'web', changes: { old: 'install', new: 'hold' }, result: true, comment: 'Package web is now being held.' },
    })
    expect(readFileSync(join(apt.directory, 'selected'), 'utf8')).toBe('web hold\n')
    expect(await apt.result('pkg.hold', ['held'])).toMatchObject({ held: { result: true, comment: 'Package held is already set to be held.' } })
    expect(await apt.result('pkg.unhold')).toBe("ERROR executing 'pkg.unhold': One of name, pkgs, or sources must be specified.")
  })

  test.each([
    [['--reinstall'], {}, 'the name of a package must not begin with a dash: --reinstall'],
    [['web'], { version: '>=1' }, 'this is no version: >=1 (comparisons are not supported by this minion)'],
    [['a;b'], {}, 'this is no name of a package: a;b'],
    [['web'], { debconf: 'salt://x' }, 'not supported by this minion: debconf'],
  ])('install refuses %j %j', async (args, keywords, expected) => {
    expect(await apt.result('pkg.install', args, keywords)).toBe(`ERROR executing 'pkg.install': ${expected}`)
  })
})

describe('RedHat', () => {
  const dnf = distribution('RedHat', {
    rpm: `case "$*" in -qa*) printf 'bash_|-(none)_|-5.1.8_|-6.el9_|-x86_64_|-(none)_|-1700000000\\nvim_|-2_|-8.2_|-1.el9_|-x86_64_|-(none)_|-1\\nglibc_|-(none)_|-2.34_|-1_|-i686_|-(none)_|-1\\n' ;; *-qf*) printf bash ;; esac`,
    dnf: `case "$*" in
*--upgrades*) printf 'Available Upgrades\\nbash.x86_64    5.1.8-9.el9    baseos\\n' ;;
*'list available'*) printf 'Available Packages\\nbash.x86_64   5.1.8-9.el9   baseos\\nvim.x86_64  2:8.2-1.el9  baseos\\n' ;;
*check-update*) exit 100 ;;
esac`,
    dnf5: 'exec dnf "$@"',
  })

  test('asks rpm and dnf', async () => {
    expect(await dnf.result('pkg.list_pkgs')).toEqual({ bash: '5.1.8-6.el9', vim: '2:8.2-1.el9', 'glibc.i686': '2.34-1' })
    expect(await dnf.result('pkg.list_upgrades', [], { refresh: false })).toEqual({ bash: '5.1.8-9.el9' })
    expect(await dnf.result('pkg.latest_version', ['bash', 'vim'], { refresh: false })).toEqual({ bash: '5.1.8-9.el9', vim: '' })
    expect(await dnf.result('pkg.refresh_db')).toBe(true)
    expect(await dnf.result('pkg.owner', ['/bin/bash'])).toBe('bash')
    dnf.calls()
    await dnf.run('pkg.install', [], { pkgs: [{ bash: '5.1.8-5.el9' }, 'tmux'] })
    expect(dnf.calls().filter((line) => line.startsWith('dnf '))).toEqual(['dnf -y install tmux', 'dnf -y downgrade bash-5.1.8-5.el9'])
  })
})

describe('Alpine', () => {
  const apk = distribution('Alpine', {
    apk: `case "$*" in
'info -v') printf 'musl-1.2.4-r2\\nca-certificates-bundle-20230506-r0\\n' ;;
'info -W'*) echo '/bin/busybox is owned by busybox-1.36.1-r5' ;;
'upgrade -s') printf '(1/1) Upgrading musl (1.2.4-r2 -> 1.2.5-r0)\\nOK: 8 MiB\\n' ;;
search*) printf 'tmux-3.3a-r5\\ntmux-doc-3.3a-r5\\n' ;;
esac`,
  })

  test('asks apk', async () => {
    expect(await apk.result('pkg.list_pkgs')).toEqual({ musl: '1.2.4-r2', 'ca-certificates-bundle': '20230506-r0' })
    expect(await apk.result('pkg.list_upgrades')).toEqual({ musl: '1.2.5-r0' })
    expect(await apk.result('pkg.latest_version', ['musl', 'tmux'])).toEqual({ musl: '1.2.5-r0', tmux: '3.3a-r5' })
    expect(await apk.result('pkg.owner', ['/bin/busybox'])).toBe('busybox')
    apk.calls()
    await apk.run('pkg.purge', ['musl'])
    expect(apk.calls()).toContain('apk del --purge musl')
  })
})

describe('what programs print', () => {
  test('apt and dpkg', () => {
    expect(dpkgPackages('purge ok installed a 1 amd64\nnonsense', 'amd64').purge_desired).toEqual(new Map([['a', ['1']]]))
    expect(aptRefresh('Ign:1 x\n\nReading package lists...').repositories).toEqual({ x: false })
    expect(aptCandidates('a:\n  Candidate: 1:2~x\n')).toEqual(new Map([['a', '1:2~x']]))
    expect(aptUpgrades('Conf libx (1:1.4 Debian:testing [i386])')).toEqual(new Map([['libx', '1:1.4']]))
  })

  test('rpm, dnf and yum', () => {
    expect(rpmPackages('k_|-0_|-1_|-2_|-noarch_|-x_|-1\nk_|-0_|-3_|-2_|-noarch_|-x_|-1\nbad', 'x86_64')).toEqual(new Map([['k', ['1-2', '3-2']]]))
    expect(dnfPackages('Updated Packages\na-very-long-name.x86_64\n     1.0-1.el7   updates\n', 'x86_64')).toEqual(new Map([['a-very-long-name', ['1.0-1.el7']]]))
    expect(readRpmInfo('bash\u001F5.1\u001F6\u001F(none)\u001Fx86_64\u001FRed Hat\u001Fx\u001Fx\u001Fu\u001FGPL\u001Fs\u001Fb.src.rpm\u001F1700000000\u001FThe shell\u001E')['bash']).toMatchObject({
      version: '5.1', vendor: 'Red Hat', source: 'b.src.rpm', install_date: '2023-11-14T22:13:20Z', description: 'The shell',
    })
  })

  test.each([
    ['1.0', '1.0', 0], ['1.0', '1.1', -1], ['1.10', '1.9', 1], ['1.0~rc1', '1.0', -1], ['1.0^git1', '1.0', 1], ['1.0a', '1.0', 1], ['1.0-2', '1.0-10', -1],
    ['1:0.1', '2.0', 1], ['2.0.1', '2.0', 1], ['1.0', '1.0-5', 0], ['5.el9', '5.el8', 1], ['1a', '11', -1],
  ])('rpm orders %s and %s as %i', (left, right, expected) => {
    expect(Math.sign(compareRpmVersions(left, right))).toBe(expected)
    expect(Math.sign(compareRpmVersions(right, left))).toBe(expected === 0 ? 0 : -expected)
  })

  test('apk', () => {
    expect(apkPackages('a-b-1.0-r1 - words\nWARNING: opening cache').get('a-b')).toEqual(['1.0-r1'])
    expect(apkUpgrades('(2/3) Upgrading x (1-r0 -> 2-r0)')).toEqual(new Map([['x', '2-r0']]))
    expect(apkOwner('ERROR: /no: Could not find owner package')).toBe('')
  })
})

const dpkg = await findProgram('dpkg-query', process.env['PATH'])

describe('the real dpkg', () => {
  const host = createModuleBench(() => ({ grains: { os_family: 'Debian', osarch: 'amd64', cpuarch: 'x86_64' } }))
  const version = dpkg === undefined ? '' : execFileSync(dpkg, ['-W', '-f', '${Version}', 'dpkg'], { encoding: 'utf8' })
  const missing: unknown = expect.stringContaining('not found')
  const described: unknown = { dpkg: expect.objectContaining({ name: 'dpkg', version, group: 'admin', description: expect.stringContaining('package management') as unknown }) as unknown }

  test('is asked, or is told to be missing', async () => {
    const isThere = dpkg !== undefined

    expect(await host.result('pkg.version', ['dpkg'])).toEqual(isThere ? version : missing)
    expect(await host.result('pkg.info_installed', ['dpkg'])).toEqual(isThere ? described : missing)
    expect(await host.result('pkg.owner', [dpkg ?? '/no/such'])).toEqual(isThere ? 'dpkg' : missing)
  })
})

describe('elsewhere', () => {
  const other = createModuleBench(() => ({ grains: { os_family: 'Suse' } }))

  test('says which package managers there are', async () => {
    expect(await other.result('pkg.list_pkgs')).toBe(
      "'pkg' __virtual__ returned False: no package manager is known for os_family Suse: this minion has apt (Debian), dnf (RedHat) and apk (Alpine)",
    )
  })
})
