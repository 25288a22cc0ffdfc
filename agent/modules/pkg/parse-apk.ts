/** What apk prints; all pure (Salt: modules/apkpkg.py). */
import { addVersion } from './manager.ts'
import type { Packages } from './manager.ts'

/** Lines of name-version-release, perhaps with a description behind. */
export function apkPackages(text: string): Packages {
  const packages: Packages = new Map()
  for (const line of text.split('\n')) {
    const [, name, version] = /^(\S+?)-([^-\s]+-r\d+)(?:\s|$)/.exec(line.trim()) ?? []
    if (name !== undefined && version !== undefined) addVersion(packages, name, version)
  }
  return packages
}

/** The packages that `apk upgrade -s` would upgrade. */
export function apkUpgrades(text: string): Map<string, string> {
  const found = [...text.matchAll(/Upgrading (\S+) \((\S+) -> ([^\s)]+)\)/g)]
  return new Map(found.map(([, name = '', , version = '']) => [name, version]))
}

/** The package of `apk info -W`; '' when the file belongs to none. */
export function apkOwner(text: string): string {
  const id = / is owned by (\S+)/.exec(text)?.[1] ?? ''
  return [...apkPackages(id).keys()][0] ?? id
}
