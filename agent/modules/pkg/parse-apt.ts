/** What apt and dpkg print; all pure (Salt: modules/aptpkg.py). */
import { addVersion } from './manager.ts'
import type { Packages, PackageState } from './manager.ts'

/** The lines of dpkg-query, by state. `osarch`: packages of another architecture get it behind their names. */
export function dpkgPackages(text: string, osarch: string | undefined): Record<PackageState, Packages> {
  const found: Record<PackageState, Packages> = { installed: new Map(), removed: new Map(), purge_desired: new Map() }
  for (const line of text.split('\n')) {
    const [wanted = '', , status = '', bare = '', version, arch] = line.trim().split(/\s+/)
    if (version === undefined || arch === undefined) continue
    const name = osarch !== undefined && arch !== 'all' && arch !== osarch ? `${bare}:${arch}` : bare
    if (/install|hold/.test(wanted) && wanted !== 'deinstall' && status.includes('installed')) addVersion(found.installed, name, version)
    else if (wanted === 'deinstall') addVersion(found.removed, name, version)
    else if (wanted.includes('purge') && status === 'installed') addVersion(found.purge_desired, name, version)
  }
  return found
}

/** What `apt-get update` says: repository → true (fetched), null (was up to date) or false (failed). */
export function aptRefresh(text: string): { repositories: Record<string, boolean | null>; errors: string[] } {
  const repositories: Record<string, boolean | null> = {}
  const errors: string[] = []
  for (const line of text.split('\n')) {
    const [kind = '', ...words] = line.trim().split(/\s+/)
    const name = words.join(' ')
    if (kind.includes('Get')) repositories[name.replace(/ \[.+B\]$/, '')] = true
    else if (kind.includes('Hit')) repositories[name] = null
    else if (kind.includes('Ign') || kind.includes('Err')) repositories[name] = false
    if (kind.includes('Err')) errors.push(name)
  }
  return { repositories, errors }
}

/** The candidates of `apt-cache policy`; '' where there is none. */
export function aptCandidates(text: string): Map<string, string> {
  const candidates = new Map<string, string>()
  let name = ''
  for (const line of text.split('\n')) {
    const heading = /^(\S+):$/.exec(line)?.[1]
    const candidate = /^\s+Candidate:\s*(\S*)/.exec(line)?.[1]
    if (heading !== undefined) name = heading
    if (candidate !== undefined) candidates.set(name, candidate.toLowerCase() === '(none)' ? '' : candidate)
  }
  return candidates
}

/** The packages that `apt-get --just-print` would configure. */
export function aptUpgrades(text: string): Map<string, string> {
  return new Map([...text.matchAll(/^Conf (\S+) \(([^ )]+)/gm)].map(([, name = '', version = '']) => [name, version]))
}

/** The packages of `dpkg --get-selections` by what is wanted of them. */
export function selections(text: string): Map<string, string> {
  const pairs = text.split('\n').map((line) => line.trim().split(/\s+/))
  return new Map(pairs.flatMap(([name, state]): [string, string][] => (name === undefined || state === undefined ? [] : [[name, state]])))
}

/** The format of `dpkg-query` that `readPackageInfo` reads. */
export const infoFormat =
  'package:${Package}\\nrevision:${binary:Revision}\\narchitecture:${Architecture}\\nmaintainer:${Maintainer}\\nsummary:${Summary}\\n' +
  'source:${source:Package}\\nversion:${Version}\\nsection:${Section}\\norigin:${Origin}\\nhomepage:${Homepage}\\nstatus:${db:Status-Abbrev}\\n' +
  'description:${Description}\\n\\n*/~^\\\\*\\n'

/** Salt's common names for what dpkg calls otherwise. */
const commonNames: Readonly<Record<string, string>> = { package: 'name', origin: 'vendor', section: 'group', maintainer: 'packager', homepage: 'url' }

/** What dpkg knows of installed packages: name → fields. */
export function readPackageInfo(text: string): Map<string, Record<string, string>> {
  const found = new Map<string, Record<string, string>>()
  for (const part of text.split(/\n\*\/~\^\\\*\n?/)) {
    const at = part.indexOf('\ndescription:')
    if (at < 0) continue
    const pairs = part.slice(0, at).split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 1)] as const)
    const fields = Object.fromEntries(pairs.filter(([, value]) => value.trim() !== ''))
    if (fields['status']?.charAt(1) !== 'i' || fields['package'] === undefined) continue
    const { status: _status, ...known } = fields
    const named = Object.fromEntries(Object.entries(known).map(([key, value]) => [commonNames[key] ?? key, value]))
    found.set(fields['package'], { ...named, description: part.slice(at + '\ndescription:'.length) })
  }
  return found
}
