/** The grains about the operating system, from /etc/os-release, named as Salt names them (grains/core.py). */

export interface OsGrains {
  os: string
  os_family: string
  osfullname: string
  osrelease: string
  osrelease_info: number[]
  osmajorrelease: number | null
  oscodename: string
  osfinger: string
}

/** `ID` of os-release → Salt's short name. */
const names: Readonly<Record<string, string>> = {
  debian: 'Debian',
  ubuntu: 'Ubuntu',
  raspbian: 'Raspbian',
  linuxmint: 'Mint',
  devuan: 'Devuan',
  kali: 'Kali',
  centos: 'CentOS',
  rhel: 'RedHat',
  rocky: 'Rocky',
  almalinux: 'AlmaLinux',
  fedora: 'Fedora',
  ol: 'OEL',
  amzn: 'Amazon',
  sles: 'SUSE',
  'opensuse-leap': 'SUSE',
  'opensuse-tumbleweed': 'SUSE',
  arch: 'Arch',
  manjaro: 'Manjaro',
  gentoo: 'Gentoo',
  alpine: 'Alpine',
  void: 'Void',
  photon: 'VMware Photon OS',
  mariner: 'CBL-Mariner',
}

/** Salt's short name → family; a system that is its own family is not listed. */
const families: Readonly<Record<string, string>> = {
  Ubuntu: 'Debian',
  Raspbian: 'Debian',
  Mint: 'Debian',
  Devuan: 'Debian',
  Kali: 'Debian',
  CentOS: 'RedHat',
  Rocky: 'RedHat',
  AlmaLinux: 'RedHat',
  Fedora: 'RedHat',
  OEL: 'RedHat',
  Amazon: 'RedHat',
  SUSE: 'Suse',
  Manjaro: 'Arch',
}

/** Systems whose fingerprint has the whole release, not the major number alone. */
const wholeRelease = new Set(['Ubuntu', 'Mint', 'Alpine'])

/** The fields of an os-release file: NAME="…" lines, with the shell quoting that the format allows. */
export function parseOsRelease(text: string): Record<string, string> {
  const fields: [string, string][] = []
  for (const line of text.split('\n')) {
    const match = /^\s*([A-Z][A-Z0-9_]*)=(.*)$/.exec(line)
    if (match !== null) fields.push([match[1] ?? '', unquote((match[2] ?? '').trim())])
  }
  return Object.fromEntries(fields)
}

/** The grains of a system. Without an os-release file everything is `Unknown`, as in Salt. */
export function osGrains(osRelease: string | undefined): OsGrains {
  const fields = parseOsRelease(osRelease ?? '')
  const id = fields['ID'] ?? ''
  const os = Object.hasOwn(names, id) ? (names[id] ?? id) : (fields['NAME'] ?? 'Unknown')
  const osfullname = (fields['NAME'] ?? 'Unknown').trim()
  const osrelease = fields['VERSION_ID'] ?? ''
  const info = osrelease.split('.').filter((part) => /^[0-9]+$/.test(part)).map(Number)
  const major = info[0] ?? null
  return {
    os,
    os_family: families[os] ?? os,
    osfullname,
    osrelease,
    osrelease_info: info,
    osmajorrelease: major,
    oscodename: fields['VERSION_CODENAME'] ?? codeName(fields['VERSION'] ?? '') ?? '',
    osfinger: `${os === 'Ubuntu' ? os : osfullname}-${wholeRelease.has(os) ? osrelease : String(major ?? '')}`,
  }
}

function codeName(version: string): string | undefined {
  return /\(([^)]+)\)/.exec(version)?.[1]
}

function unquote(text: string): string {
  const quoted = /^(["'])(.*)\1$/.exec(text)
  return (quoted === null ? text : (quoted[2] ?? '')).replace(/\\([$`"\\])/g, '$1')
}
