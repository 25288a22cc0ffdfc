/** apk of Alpine (Salt: modules/apkpkg.py). */
import { CommandExecutionError } from '../contract.ts'
import type { BuiltinContext } from '../services.ts'
import { act, ask, checkedPackage, judge } from './manager.ts'
import type { PackageManager, Packages } from './manager.ts'
import { apkOwner, apkPackages, apkUpgrades } from './parse-apk.ts'

async function listed(context: BuiltinContext): Promise<Packages> {
  return apkPackages((await ask(context, 'apk', ['info', '-v'])).stdout)
}

async function upgradable(context: BuiltinContext): Promise<Map<string, string>> {
  const { retcode, stdout, stderr } = await ask(context, 'apk', ['upgrade', '-s'])
  if (retcode !== 0) throw new CommandExecutionError(`${stderr}${stdout}`)
  return apkUpgrades(stdout)
}

/** apk of the host. */
export function apkManager(context: BuiltinContext): PackageManager {
  return {
    list: async (state) => (state === 'installed' ? listed(context) : new Map()),
    async refresh() {
      judge([await act(context, 'apk', ['update'])], 'Problem encountered installing package(s)')
      return true
    },
    async latest(names, { installed }) {
      const [before, newer] = [await listed(context), await upgradable(context)]
      const found = new Map<string, string>()
      for (const name of names) {
        const known = newer.get(name) ?? apkPackages((await ask(context, 'apk', ['search', checkedPackage(name)])).stdout).get(name)?.at(-1) ?? ''
        found.set(name, !installed && before.get(name)?.includes(known) === true ? '' : known)
      }
      return found
    },
    upgrades: () => upgradable(context),
    async install({ targets, files, skipVerify }) {
      const before = await listed(context)
      const words = targets.map(({ name, version }) => (version === null ? name : `${name}=${version}`))
      const again = targets.some(({ name }) => before.has(name)) ? ['-u'] : []
      return [await act(context, 'apk', ['add', ...again, ...(skipVerify ? ['--allow-untrusted'] : []), ...words, ...files])]
    },
    remove: (names, purge) => act(context, 'apk', ['del', ...(purge ? ['--purge'] : []), ...names.map(checkedPackage)]),
    upgrade: ({ targets }) => act(context, 'apk', targets.length === 0 ? ['upgrade'] : ['add', '-u', ...targets.map(({ name }) => name)]),
    owner: async (path) => apkOwner((await ask(context, 'apk', ['info', '-W', path])).output),
  }
}
