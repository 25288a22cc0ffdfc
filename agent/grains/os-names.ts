/** Salt's names of operating systems and their families (grains/core.py): targets and formulas are written with them. */

/** The first ten letters of a system's name, without spaces and lower case → Salt's short name, where it differs. */
const SHORT_NAMES: Readonly<Record<string, string>> = {
  redhatente: 'RedHat',
  gentoobase: 'Gentoo',
  archarm: 'Arch ARM',
  arch: 'Arch',
  debian: 'Debian',
  raspbian: 'Raspbian',
  fedoraremi: 'Fedora',
  chapeau: 'Chapeau',
  korora: 'Korora',
  amazonami: 'Amazon',
  alt: 'ALT',
  enterprise: 'OEL',
  oracleserv: 'OEL',
  cloudserve: 'CloudLinux',
  cloudlinux: 'CloudLinux',
  almalinux: 'AlmaLinux',
  pidora: 'Fedora',
  scientific: 'ScientificLinux',
  synology: 'Synology',
  nilrt: 'NILinuxRT',
  poky: 'Poky',
  manjaro: 'Manjaro',
  manjarolin: 'Manjaro',
  univention: 'Univention',
  antergos: 'Antergos',
  sles: 'SUSE',
  void: 'Void',
  slesexpand: 'RES',
  linuxmint: 'Mint',
  neon: 'KDE neon',
  pop: 'Pop',
  rocky: 'Rocky',
  alibabaclo: 'Alinux',
  mendel: 'Mendel',
}

/** `ID NAME` of os-release → short name, for the few that the name alone does not give. */
const BY_ID: Readonly<Record<string, string>> = {
  'astra Astra Linux (Orel)': 'AstraLinuxCE',
  'astra Astra Linux (Smolensk)': 'AstraLinuxSE',
  'pop Pop!_OS': 'Pop',
}

/** Family → short names. A system in none of them is a family of its own. */
const FAMILIES: Readonly<Record<string, readonly string[]>> = {
  Debian: [
    'Ubuntu', 'Mint', 'Trisquel', 'GCEL', 'Linaro', 'elementary OS', 'elementary', 'Univention', 'Raspbian', 'Devuan', 'antiX', 'Kali', 'Parrot OS',
    'neon', 'Cumulus', 'Deepin', 'KDE neon', 'IDMS', 'TurnKey', 'Pop', 'AstraLinuxCE', 'AstraLinuxSE', 'Mendel', 'OSMC',
  ],
  RedHat: [
    'Fedora', 'Chapeau', 'Korora', 'FedBerry', 'CentOS', 'CentOS Stream', 'GoOSe', 'Scientific', 'Amazon', 'CloudLinux', 'AlmaLinux', 'OVS', 'OEL', 'XCP',
    'XCP-ng', 'XenServer', 'RES', 'Sangoma', 'VMware Photon OS', 'ALT', 'ScientificLinux', 'Rocky', 'Alinux',
  ],
  Suse: ['SLES', 'SUSE Enterprise Server', 'SUSE  Enterprise Server', 'SLED', 'openSUSE', 'SUSE', 'openSUSE Leap', 'openSUSE Tumbleweed', 'SLES_SAP'],
  Arch: ['Arch ARM', 'Manjaro', 'Manjaro ARM', 'Antergos', 'EndeavourOS'],
  Mandriva: ['Mandrake'],
  VMware: ['VMwareESX'],
  Bluewhite: ['Bluewhite64'],
  Slackware: ['Slamd64'],
  Gentoo: ['Funtoo'],
}

/** The grain `os` of a system that os-release calls `name` and `id`. */
export function shortName(name: string, id: string): string {
  const known = lookup(BY_ID, `${id} ${name}`)
  if (known !== undefined) return known
  const plain = name.replace(/[^\p{L}\p{N}_](?:gnu\/)?linux/giu, '').trim()
  return lookup(SHORT_NAMES, plain.replaceAll(' ', '').toLowerCase().slice(0, 10)) ?? plain
}

/** The grain `os_family` of a system with this grain `os`. */
export function familyOf(os: string): string {
  return Object.keys(FAMILIES).find((family) => FAMILIES[family]?.includes(os)) ?? os
}

function lookup(table: Readonly<Record<string, string>>, name: string): string | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined
}
