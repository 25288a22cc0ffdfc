/** apt and dpkg (Salt: modules/aptpkg.py). */
import { stat } from 'node:fs/promises'
import { isTruthy } from '../../matchers/python-text.ts'
import { get } from '../../wire/value.ts'
import { CommandExecutionError } from '../contract.ts'
import type { BuiltinContext } from '../services.ts'
import { act, ask, checkedPackage } from './manager.ts'
import type { InstallOptions, PackageManager, Packages, PackageState } from './manager.ts'
import { aptCandidates, aptRefresh, aptUpgrades, dpkgPackages } from './parse-apt.ts'

const quietly = { APT_LISTBUGS_FRONTEND: 'none', APT_LISTCHANGES_FRONTEND: 'none', DEBIAN_FRONTEND: 'noninteractive', UCF_FORCE_CONFFOLD: '1' }
const listsPath = '/var/lib/apt/lists'

function release(fromrepo: string | null): string[] {
  return fromrepo === null ? [] : ['-o', `APT::Default-Release=${checkedPackage(fromrepo)}`]
}

function configOptions(forceNew: boolean): string[] {
  const options = forceNew ? ['--force-confnew'] : ['--force-confold', '--force-confdef']
  return options.flatMap((option) => ['-o', `DPkg::Options::=${option}`])
}

async function listed(context: BuiltinContext, state: PackageState): Promise<Packages> {
  const format = '${Status} ${Package} ${Version} ${Architecture}\n'
  const { stdout } = await ask(context, 'dpkg-query', ['--showformat', format, '-W'])
  const own = get(context.grains, 'cpuarch') === 'x86_64' && get(context.grains, 'osarch') === 'amd64' ? 'amd64' : undefined
  return dpkgPackages(stdout, own)[state]
}

/** Whether a Debian version is as new as another. */
async function isAtLeast(context: BuiltinContext, version: string, other: string): Promise<boolean> {
  return (await ask(context, 'dpkg', ['--compare-versions', version, 'ge', other])).retcode === 0
}

async function installWords(context: BuiltinContext, options: InstallOptions): Promise<string[][]> {
  const { kwargs, targets, files } = options
  const on = (name: string) => isTruthy(kwargs[name] ?? null)
  const recommends = 'install_recommends' in kwargs ? [on('install_recommends') ? '--install-recommends' : '--no-install-recommends'] : []
  const words = [
    '-q', '-y', ...configOptions(on('force_conf_new')), ...recommends, ...(on('only_upgrade') ? ['--only-upgrade'] : []),
    ...(options.skipVerify ? ['--allow-unauthenticated'] : []), ...(options.downloadOnly ? ['--download-only'] : []),
    ...(options.fromrepo === null || files.length > 0 ? [] : ['-t', checkedPackage(options.fromrepo)]),
  ]
  if (files.length > 0) return [[...words, 'install', ...files]]
  const [before, newer, older, again]: [Packages, string[], string[], string[]] = [await listed(context, 'installed'), [], [], []]
  for (const { name, version } of targets) {
    const has = before.get(name)?.at(-1)
    const text = version === null ? name : `${name}=${version}`
    if (options.reinstall && has !== undefined && (version === null || version === has)) again.push(text)
    else if (version !== null && has !== undefined && !(await isAtLeast(context, version, has))) older.push(text)
    else newer.push(text)
  }
  return [
    ...(newer.length > 0 ? [[...words, 'install', ...newer]] : []),
    ...(older.length > 0 ? [[...words, '--allow-downgrades', 'install', ...older]] : []),
    ...(again.length > 0 ? [[...words, '--reinstall', 'install', ...again]] : []),
  ]
}

/** apt and dpkg of the host. */
export function aptManager(context: BuiltinContext): PackageManager {
  return {
    list: (state) => listed(context, state),
    async refresh({ cacheValidTime, failhard }) {
      const updated = (await stat(listsPath).catch(() => undefined))?.mtimeMs ?? 0
      if (cacheValidTime > 0 && updated + cacheValidTime * 1000 > Date.now()) return {}
      const { retcode, stdout, stderr } = await act(context, 'apt-get', ['-q', 'update'])
      if (retcode !== 0) throw new CommandExecutionError(stderr)
      const { repositories, errors } = aptRefresh(stdout)
      if (failhard && errors.length > 0) throw new CommandExecutionError(`Error getting repos: ${errors.join(', ')}`)
      return repositories
    },
    async latest(names, { fromrepo, installed }) {
      const before = await listed(context, 'installed')
      const { stdout } = await ask(context, 'apt-cache', ['-q', 'policy', ...names.map(checkedPackage), ...release(fromrepo)])
      const candidates = aptCandidates(stdout)
      const found = new Map<string, string>()
      for (const name of names) {
        const candidate = candidates.get(name) ?? ''
        const has = before.get(name) ?? []
        let isNew = true
        for (const version of has) if (candidate !== '' && !installed && (await isAtLeast(context, version, candidate))) isNew = false
        found.set(name, isNew ? candidate : '')
      }
      return found
    },
    async upgrades({ distUpgrade, fromrepo }) {
      const { retcode, stdout, stderr } = await ask(context, 'apt-get', ['--just-print', distUpgrade ? 'dist-upgrade' : 'upgrade', ...release(fromrepo)])
      if (retcode !== 0) throw new CommandExecutionError(`Failed to get upgrades: ${stderr || stdout}`)
      return aptUpgrades(stdout)
    },
    async install(options) {
      const reports = []
      for (const words of await installWords(context, options)) reports.push(await act(context, 'apt-get', words, quietly))
      return reports
    },
    remove: (names, purge) => act(context, 'apt-get', ['-q', '-y', purge ? 'purge' : 'remove', ...names.map(checkedPackage)], quietly),
    upgrade({ distUpgrade, kwargs }) {
      const on = (name: string) => isTruthy(kwargs[name] ?? null)
      const words = ['-q', '-y', ...configOptions(on('force_conf_new')), ...(on('skip_verify') ? ['--allow-unauthenticated'] : [])]
      const more = [...(on('download_only') || on('downloadonly') ? ['--download-only'] : []), ...(on('allow_downgrades') ? ['--allow-downgrades'] : [])]
      return act(context, 'apt-get', [...words, ...more, distUpgrade ? 'dist-upgrade' : 'upgrade'], quietly)
    },
    async owner(path) {
      const { retcode, stdout } = await ask(context, 'dpkg', ['-S', '--', path], false)
      return retcode === 0 ? (stdout.split(':')[0] ?? '') : ''
    },
  }
}
