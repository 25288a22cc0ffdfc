import { chmodSync, existsSync, mkdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { serviceModule } from '../../../agent/modules/service.ts'
import { readProperties, runningUnits, unitsInState } from '../../../agent/modules/service/units.ts'
import { createModuleBench } from './module-bench.ts'

/** A systemctl that writes down how it was called and answers for four units. */
const fakeSystemctl = `#!/bin/sh
echo "$@" >> DIR/calls
case "$*" in
  *'status changed.service'*) echo "Warning: run 'systemctl daemon-reload' to reload units."; exit 0 ;;
  *'status web.service'*) echo 'Loaded: loaded'; exit 0 ;;
  *'status old.service'*) printf 'old.service\\n   Loaded: not-found (Reason: No such file)\\n'; exit 3 ;;
  *'status '*) echo 'Unit could not be found.' >&2; exit 4 ;;
  'is-active web.service') echo active; exit 0 ;;
  'is-active '*) echo inactive; exit 3 ;;
  *'is-enabled web.service'|'is-enabled real.service') echo enabled; exit 0 ;;
  'is-enabled other.service') echo alias; exit 0 ;;
  'is-enabled '*) echo disabled; exit 1 ;;
  'show other.service -P Id') echo real.service ;;
  'show web.service'*) printf 'Id=web.service\\nAfter=a.target b.target\\nExecStart={ path=/usr/bin/web ; argv[]=/usr/bin/web -x ; pid=5 }\\nEnv=A=b\\n' ;;
  *'list-unit-files') printf 'web.service enabled enabled\\nlazy.timer disabled enabled\\nbase.target static -\\nodd.slice enabled -\\n' ;;
  '--full --no-legend --no-pager') printf '  web.service loaded active running Web\\n  one.service loaded active exited One\\n* bad.service loaded failed failed Bad\\n' ;;
  *'start locked.service'|*'mask locked.service') echo 'Failed to start locked.service: Unit locked.service is masked.' >&2; exit 1 ;;
esac
exit 0
`

const bench = createModuleBench(() => ({
  grains: { kernel: 'Linux' },
  builtins: {
    service: async () =>
      serviceModule({
        booted: at('booted'), units: [at('lib')], local: at('local'), runtime: at('run'), initScripts: at('init.d'), runlevels: [at('rc'), '.d'],
      }),
  },
  settings: { environment: { PATH: `${at('bin')}:/usr/bin:/bin` } },
}))
const { result, run, directory } = bench
const at = (...parts: string[]) => join(directory, ...parts)
const calls = () => (existsSync(at('calls')) ? readFileSync(at('calls'), 'utf8').trim().split('\n') : [])

beforeAll(() => {
  for (const name of ['booted', 'lib', 'local', 'run', 'init.d', 'bin', 'rc2.d']) mkdirSync(at(name))
  writeFileSync(at('bin', 'systemctl'), fakeSystemctl.replaceAll('DIR', directory))
  // What there is of these on the host must not be asked.
  for (const name of ['systemd-run', 'runlevel', 'update-rc.d']) {
    writeFileSync(at('bin', name), name === 'systemd-run' ? '#!/bin/sh\nshift\nexec "$@"\n' : name === 'runlevel' ? '#!/bin/sh\necho N 2\n' : `#!/bin/sh\necho "$0 $*" >> ${directory}/calls\n`)
    chmodSync(at('bin', name), 0o755)
  }
  chmodSync(at('bin', 'systemctl'), 0o755)
  for (const unit of ['web.service', 'lazy.timer', 'readme.txt']) writeFileSync(at('lib', unit), '')
  writeFileSync(at('init.d', 'legacy'), '#!/bin/sh\n')
  chmodSync(at('init.d', 'legacy'), 0o755)
  writeFileSync(at('rc2.d', 'S01legacy'), '')
})

beforeEach(() => rmSync(at('calls'), { force: true }))

describe('questions about services', () => {
  test('status, alone and by glob', async () => {
    expect(await result('service.status', ['web'])).toBe(true)
    expect(await result('service.status', ['none'])).toBe(false)
    expect(await result('service.status', ['*e*'])).toEqual({ web: true, legacy: false, 'lazy.timer': false })
  })

  test('available and missing', async () => {
    expect(await result('service.available', ['web'])).toBe(true)
    expect(await result('service.available', ['none'])).toBe(false)
    expect(await result('service.missing', ['old'])).toBe(true)
  })

  test('enabled and disabled, through aliases and init scripts', async () => {
    expect(await result('service.enabled', ['web'])).toBe(true)
    expect(await result('service.enabled', ['other'])).toBe(true)
    expect(await result('service.disabled', ['none'])).toBe(true)
    expect(await result('service.enabled', ['legacy'])).toBe(true)
  })

  test('lists', async () => {
    expect(await result('service.get_all')).toEqual(['lazy.timer', 'legacy', 'web'])
    expect(await result('service.get_running')).toEqual(['web'])
    expect(await result('service.get_enabled')).toEqual(['legacy', 'web'])
    expect(await result('service.get_disabled')).toEqual(['lazy.timer'])
    expect(await result('service.get_static')).toEqual(['base.target'])
    expect(await result('service.execs')).toEqual({ web: '/usr/bin/web' })
  })

  test('show', async () => {
    expect(await result('service.show', ['web'])).toEqual({
      Id: 'web.service', After: ['a.target', 'b.target'], ExecStart: { path: '/usr/bin/web', 'argv[]': '/usr/bin/web -x', pid: '5' }, Env: 'A=b',
    })
  })
})

describe('what is done to services', () => {
  test('start, stop, restart, reload', async () => {
    for (const action of ['start', 'stop', 'restart', 'reload']) expect(await result(`service.${action}`, ['web'])).toBe(true)

    expect(calls().filter((line) => !line.startsWith('status'))).toEqual(['start web.service', 'stop web.service', 'restart web.service', 'reload web.service'])
  })

  test('the own service does not wait for itself', async () => {
    await run('service.restart', ['brine'])
    await run('service.restart', ['web'], { no_block: true })

    expect(calls().filter((line) => line.includes('restart'))).toEqual(['--no-block restart brine.service', '--no-block restart web.service'])
  })

  test('a failure says what systemctl says', async () => {
    expect(await run('service.start', ['locked'])).toMatchObject({
      return: 'ERROR: Failed to start locked.service: Unit locked.service is masked.', success: false, retcode: 1,
    })
    expect(await result('service.mask', ['locked'])).toContain("ERROR: Failed to mask service 'locked'")
  })

  test('changed files are read again before', async () => {
    await run('service.start', ['changed'])

    expect(calls()).toEqual(['status changed.service -n 0', '--system daemon-reload', 'start changed.service'])
  })

  test('enable and disable, units and init scripts', async () => {
    expect(await result('service.enable', ['web'])).toBe(true)
    expect(await result('service.disable', ['web'])).toBe(true)
    expect(await result('service.enable', ['legacy'])).toBe(true)
    expect(calls().filter((line) => !line.startsWith('status')).map((line) => line.replace(/^.*\//, ''))).toEqual([
      'enable web.service', 'disable web.service', 'update-rc.d -f legacy defaults 99',
    ])
  })

  test('masks', async () => {
    symlinkSync('/dev/null', at('local', 'locked2.service'))

    expect(await result('service.masked', ['locked2'])).toBe(true)
    expect(await result('service.masked', ['web'])).toBe(false)
    expect(await result('service.unmask', ['locked2'])).toBe(true)
    expect(await result('service.start', ['locked2'], { unmask: true })).toBe(true)
    expect(calls().filter((line) => line.startsWith('unmask'))).toEqual(['unmask locked2.service', 'unmask locked2.service'])
  })

  test.each([
    ['--now', "ERROR executing 'service.start': name must not begin with a dash: --now"],
    ['../etc/x', "ERROR executing 'service.start': name must not have slashes or white space: ../etc/x"],
  ])('%s is no name', async (name, expected) => {
    expect(await result('service.start', [name])).toBe(expected)
    expect(calls()).toEqual([])
  })
})

test('the lists are read as systemd of several distributions writes them', () => {
  expect(unitsInState('sshd.service   enabled         enabled\ngetty@.service enabled\nauditd.service enabled disabled\nx.swap disabled', 'enabled')).toEqual(['auditd', 'getty@', 'sshd'])
  expect(runningUnits('● a.service loaded failed failed A\n  b.socket loaded active running B\nc.service loaded active running C')).toEqual(['b.socket', 'c'])
  expect(readProperties('ExecStart={ path=/bin/a ; argv[]=/bin/a x=y ; status=0/0 }')).toEqual({ ExecStart: { path: '/bin/a', 'argv[]': '/bin/a x', status: '0/0' } })
  expect(readProperties('Wants=\nA=')).toEqual({ Wants: [], A: '' })
})

test('where systemd does not run the module says so, and what can be had offline is', async () => {
  const elsewhere = serviceModule({ booted: '/no/such', units: [], local: '/no', runtime: '/no', initScripts: '/no', runlevels: ['/no', ''] })
  const context = { grains: { kernel: 'FreeBSD' } } as unknown as Parameters<NonNullable<typeof elsewhere.virtual>>[0]

  expect(await elsewhere.virtual?.(context)).toBe('The systemd execution module failed to load: only available on Linux systems which have been booted with systemd.')
  rmSync(at('booted'), { recursive: true })
  expect(await result('service.offline')).toBe(true)
  expect(await result('service.available', ['web'])).toBe("ERROR: Cannot run in offline mode. Failed to get information on unit 'web'")
})
