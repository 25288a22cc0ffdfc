/** What rpm and dnf print; all pure (Salt: utils/pkg/rpm.py, modules/yumpkg.py). */
import { addVersion } from './manager.ts'
import type { Packages } from './manager.ts'

/** A package of another architecture gets it behind its name. */
function nameOf(name: string, arch: string, osarch: string): string {
  const same = arch === 'noarch' || arch === '(none)' || arch === osarch || osarch === ''
  return same || (/^i[3-6]86$/.test(arch) && /^i[3-6]86$/.test(osarch)) ? name : `${name}.${arch}`
}

/** The lines of `rpm -qa` in the format of Salt. */
export function rpmPackages(text: string, osarch: string): Packages {
  const packages: Packages = new Map()
  for (const line of text.split('\n')) {
    const [name, epoch, version, release, arch, , more] = line.split('_|-')
    if (name === undefined || version === undefined || arch === undefined || more === undefined) continue
    const full = `${epoch === undefined || epoch === '(none)' || epoch === '0' ? '' : `${epoch}:`}${version}${release === undefined || release === '' ? '' : `-${release}`}`
    addVersion(packages, nameOf(name, arch, osarch), full)
  }
  return packages
}

/** The tables of `dnf list`: name.arch, version, repository. A line that is too long is broken by yum, and put together again. */
export function dnfPackages(text: string, osarch: string): Packages {
  const packages: Packages = new Map()
  let waiting: string[] = []
  for (const line of text.split('\n')) {
    if (!/^\s/.test(line)) waiting = []
    waiting.push(...line.trim().split(/\s+/).filter((word) => word !== ''))
    if (waiting.length < 3) continue
    const [id = '', version = ''] = waiting
    const at = id.lastIndexOf('.')
    if (waiting.length === 3 && at > 0 && /\d/.test(version)) addVersion(packages, nameOf(id.slice(0, at), id.slice(at + 1), osarch), version.replace(/^0:/, ''))
    waiting = []
  }
  return packages
}

/** rpm's order of versions, [epoch:]version[-release]. */
export function compareRpmVersions(left: string, right: string): number {
  const [a, b] = [parts(left), parts(right)]
  return Number(a.epoch) - Number(b.epoch) || compareParts(a.version, b.version) || (a.release === '' || b.release === '' ? 0 : compareParts(a.release, b.release))
}

function parts(version: string): { epoch: string; version: string; release: string } {
  const [, epoch = '0', rest = ''] = /^(?:(\d+):)?([^]*)$/.exec(version) ?? []
  const at = rest.lastIndexOf('-')
  return at < 0 ? { epoch, version: rest, release: '' } : { epoch, version: rest.slice(0, at), release: rest.slice(at + 1) }
}

/** Runs of digits and of letters in turn; a tilde sorts before everything, a caret after what it follows. */
function compareParts(left: string, right: string): number {
  const [a, b] = [left.match(/\d+|[A-Za-z]+|[~^]/g) ?? [], right.match(/\d+|[A-Za-z]+|[~^]/g) ?? []]
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const order = comparePiece(a[at], b[at])
    if (order !== 0) return order
  }
  return 0
}

function comparePiece(a: string | undefined, b: string | undefined): number {
  if (a === b) return 0
  if (a === '~' || b === '~') return a === '~' ? -1 : 1
  if (a === undefined || b === undefined) return a === undefined ? -1 : 1
  if (a === '^' || b === '^') return a === '^' ? -1 : 1
  const [digitsA, digitsB] = [/^\d/.test(a), /^\d/.test(b)]
  if (digitsA !== digitsB) return digitsA ? 1 : -1
  if (!digitsA) return a < b ? -1 : 1
  const order = BigInt(a) - BigInt(b)
  return order === 0n ? 0 : order < 0n ? -1 : 1
}
