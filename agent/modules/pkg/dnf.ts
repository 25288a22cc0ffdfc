/** rpm with dnf or yum (Salt: modules/yumpkg.py). */
import { get } from '../../wire/value.ts'
import { CommandNotFoundError } from '../contract.ts'
import { hasProgram } from '../host/programs.ts'
import type { BuiltinContext } from '../services.ts'
import { act, ask, checkedPackage } from './manager.ts'
import type { PackageManager, Packages, Target } from './manager.ts'
import { compareRpmVersions, dnfPackages, rpmPackages } from './parse-rpm.ts'

const format = '%{NAME}_|-%{EPOCH}_|-%{VERSION}_|-%{RELEASE}_|-%{ARCH}_|-(none)_|-%{INSTALLTIME}\n'
const names = ['dnf5', 'dnf', 'yum']

async function program(context: BuiltinContext): Promise<string> {
  for (const name of names) if (await hasProgram(context, name)) return name
  throw new CommandNotFoundError('dnf or yum')
}

function architecture(context: BuiltinContext): string {
  const arch = get(context.grains, 'osarch')
  return typeof arch === 'string' ? arch : ''
}

async function listed(context: BuiltinContext): Promise<Packages> {
  const { stdout } = await ask(context, 'rpm', ['-qa', '--nodigest', '--nosignature', '--queryformat', format])
  return rpmPackages(stdout, architecture(context))
}

function word({ name, version }: Target): string {
  return version === null ? name : `${name}-${version.replace(/^\d+:/, '')}`
}

function repositories(fromrepo: string | null): string[] {
  return fromrepo === null ? [] : ['--disablerepo=*', `--enablerepo=${checkedPackage(fromrepo)}`]
}

/** rpm and dnf (or yum) of the host. */
export function dnfManager(context: BuiltinContext): PackageManager {
  return {
    list: async (state) => (state === 'installed' ? listed(context) : new Map()),
    async refresh() {
      const dnf = await program(context)
      await ask(context, dnf, ['--quiet', '--assumeyes', 'clean', 'expire-cache'])
      const { retcode } = await ask(context, dnf, ['--quiet', '--assumeyes', 'check-update'])
      return retcode === 100 ? true : retcode === 0 ? null : false
    },
    async latest(wanted, { fromrepo, installed }) {
      const before = await listed(context)
      const { stdout } = await ask(context, await program(context), ['--quiet', ...repositories(fromrepo), 'list', 'available', ...wanted.map(checkedPackage)])
      const available = dnfPackages(stdout, architecture(context))
      const isNew = (name: string, version: string) => installed || (before.get(name) ?? []).every((has) => compareRpmVersions(has, version) < 0)
      return new Map(
        wanted.map((name) => {
          const newest = (available.get(name) ?? []).toSorted(compareRpmVersions).at(-1) ?? ''
          return [name, newest !== '' && isNew(name, newest) ? newest : '']
        }),
      )
    },
    async upgrades({ fromrepo }) {
      const dnf = await program(context)
      const { stdout, stderr } = await ask(context, dnf, ['--quiet', ...repositories(fromrepo), 'list', dnf === 'yum' ? 'updates' : '--upgrades'])
      if (stderr.includes('Error:')) return new Map()
      return new Map([...dnfPackages(stdout, architecture(context))].map(([name, versions]) => [name, versions.at(-1) ?? '']))
    },
    async install({ targets, files, fromrepo, skipVerify, reinstall, downloadOnly }) {
      const [dnf, before] = [await program(context), await listed(context)]
      const words = ['-y', ...repositories(fromrepo), ...(skipVerify ? ['--nogpgcheck'] : []), ...(downloadOnly ? ['--downloadonly'] : [])]
      if (files.length > 0) return [await act(context, dnf, [...words, 'install', ...files])]
      const actionFor = ({ name, version }: Target): string => {
        const has = before.get(name)?.at(-1)
        if (has === undefined) return 'install'
        if (reinstall && (version === null || version === has)) return 'reinstall'
        return version !== null && compareRpmVersions(version, has) < 0 ? 'downgrade' : 'install'
      }
      const reports = []
      for (const action of ['install', 'downgrade', 'reinstall']) {
        const chosen = targets.filter((target) => actionFor(target) === action).map(word)
        if (chosen.length > 0) reports.push(await act(context, dnf, [...words, action, ...chosen]))
      }
      return reports
    },
    remove: async (wanted) => act(context, await program(context), ['-y', 'remove', ...wanted.map(checkedPackage)]),
    upgrade: async ({ targets }) => act(context, await program(context), ['--quiet', '-y', 'upgrade', ...targets.map(word)]),
    async owner(path) {
      const { retcode, stdout } = await ask(context, 'rpm', ['-qf', '--queryformat', '%{NAME}', '--', path], false)
      return retcode === 0 ? stdout : ''
    },
  }
}
