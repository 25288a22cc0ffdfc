/**
 * The grains about the operating system, with Salt's values (grains/core.py, _linux_distribution_data and what it calls): of os-release
 * and lsb-release, and of the older files where these say too little.
 */
import type { ValueObject } from '../wire/value.ts'
import { familyOf, shortName } from './os-names.ts'

/** The texts of the files that describe a system; undefined for one that is not there. */
export interface SystemFiles {
  osRelease: string | undefined
  lsbRelease: string | undefined
  /** /etc/redhat-release or centos-release. */
  distroRelease: string | undefined
  debianVersion: string | undefined
}

type Fields = Readonly<Record<string, string>>

/** The fields of an os-release file, by Python's reading of it, with the defaults of the format. */
export function parseOsRelease(text: string): Fields {
  const fields: Record<string, string> = { NAME: 'Linux', ID: 'linux', PRETTY_NAME: 'Linux' }
  for (const line of text.split('\n')) {
    const match = /^([a-zA-Z0-9_]+)=(["']?)(.*)\2$/.exec(line.trimEnd())
    if (match !== null) fields[match[1] ?? ''] = (match[3] ?? '').replace(/\\([$"'\\`])/g, '$1')
  }
  return fields
}

/** `os`, `os_family`, `osfullname`, `osrelease` and its parts, `oscodename`, `osfinger` and `lsb_distrib_*`. */
export function osGrains(files: SystemFiles): ValueObject {
  const fields = files.osRelease === undefined ? undefined : parseOsRelease(files.osRelease)
  const lsb = parseLsbRelease(files.lsbRelease ?? '')
  let { os, osfullname } = fields === undefined ? { os: undefined, osfullname: undefined } : namesOf(fields, lsb)
  if (lsb['lsb_distrib_id'] === undefined && fields !== undefined) {
    Object.assign(lsb, lsbFromOsRelease(fields))
    const suse = suseNames(fields)
    os = suse?.os ?? os
    osfullname = suse?.osfullname ?? osfullname
    if (suse?.release !== undefined) lsb['lsb_distrib_release'] = suse.release
  }
  osfullname ??= (lsb['lsb_distrib_id'] ?? distroName(files)).trim()
  os ??= shortName(osfullname, '')
  if (/CentOS Linux [78]/.test(lsb['lsb_distrib_codename'] ?? '')) delete lsb['lsb_distrib_release']
  const osrelease = (lsb['lsb_distrib_release'] ?? distroVersion(files)).trim()
  if (['Rocky', 'AlmaLinux'].includes(os)) bracketed(lsb)
  return {
    ...lsb,
    os,
    os_family: familyOf(os),
    osfullname,
    oscodename: codeName(lsb, fields),
    osrelease,
    ...releaseParts(os, osfullname, osrelease),
  }
}

function namesOf(fields: Fields, lsb: Fields): { os: string; osfullname: string } {
  const name = fields['NAME'] ?? ''
  // Antergos calls itself Arch in this file.
  if (/^antergos/i.test(lsb['lsb_distrib_description'] ?? '')) return { os: shortName(name, fields['ID'] ?? ''), osfullname: 'Antergos Linux' }
  return { os: shortName(name, fields['ID'] ?? ''), osfullname: name.trim() }
}

function parseLsbRelease(text: string): Record<string, string> {
  const found: Record<string, string> = {}
  for (const line of text.split('\n')) {
    const match = /^DISTRIB_(ID|RELEASE|CODENAME|DESCRIPTION)=["']?([\p{L}\p{N}_\s.-]+)["']?/u.exec(line)
    if (match !== null) found[`lsb_distrib_${(match[1] ?? '').toLowerCase()}`] = (match[2] ?? '').trimEnd()
  }
  return found
}

function lsbFromOsRelease(fields: Fields): Record<string, string> {
  const release = fields['VERSION_ID']
  return {
    lsb_distrib_id: (fields['NAME'] ?? '').trim(),
    ...(release === undefined ? {} : { lsb_distrib_release: release }),
    lsb_distrib_codename: fields['VERSION_CODENAME'] ?? fields['PRETTY_NAME'] ?? '',
  }
}

/** What CPE_NAME says of a SUSE system: both spellings of it, `cpe:/o:suse:sles:15` and `cpe:2.3:o:opensuse:…`. */
function suseNames(fields: Fields): { os: string; osfullname?: string; release?: string } | undefined {
  const parts = (fields['CPE_NAME'] ?? '').split(':')
  const at = parts[1]?.startsWith('/') === true ? 2 : 3
  const [vendor = '', , version = ''] = parts.slice(at)
  if (parts[0] !== 'cpe' || !['suse', 'opensuse'].includes(vendor.toLowerCase())) return undefined
  const tumbleweed = fields['VERSION'] === 'Tumbleweed' ? 'Tumbleweed' : undefined
  const osfullname = fields['NAME'] === 'openSUSE Leap' ? 'Leap' : tumbleweed
  const release = vendor === 'opensuse' && !['', '*'].includes(version) ? version : undefined
  return { os: 'SUSE', ...(osfullname === undefined ? {} : { osfullname }), ...(release === undefined ? {} : { release }) }
}

/** Rocky and AlmaLinux put their code name in brackets. */
function bracketed(lsb: Record<string, string>): void {
  const inside = /\(([^)]*)/.exec(lsb['lsb_distrib_codename'] ?? '')?.[1]
  if (inside !== undefined) lsb['lsb_distrib_codename'] = inside
}

function codeName(lsb: Fields, fields: Fields | undefined): string {
  const name = (lsb['lsb_distrib_codename'] ?? '').trim()
  if (name !== '' && !name.includes('Red Hat')) return name
  const version = /\((\D+)\)|,\s*(\D+)/.exec(fields?.['VERSION'] ?? '')
  return fields?.['VERSION_CODENAME'] ?? fields?.['UBUNTU_CODENAME'] ?? version?.[1] ?? version?.[2] ?? ''
}

function distroName({ distroRelease }: SystemFiles): string {
  return /^(.*?)(?: release)? [\d.]+/.exec(distroRelease ?? '')?.[1] ?? ''
}

function distroVersion({ distroRelease, debianVersion }: SystemFiles): string {
  return /\d+(?:\.\d+)*/.exec(distroRelease ?? '')?.[0] ?? (debianVersion ?? '').trim()
}

function releaseParts(os: string, osfullname: string, osrelease: string): ValueObject {
  if (osrelease === '') return {}
  const info = osrelease.split('.').map((part) => (/^[0-9]+$/.test(part) ? Number(part) : part))
  const [first = ''] = info
  const name = ['Debian', 'Raspbian'].includes(os) ? os : osfullname
  return {
    osrelease_info: info,
    ...(typeof first === 'number' || /^\s*[-+]?\d+\s*$/.test(first) ? { osmajorrelease: Number(first) } : {}),
    osfinger: `${name}-${['Ubuntu', 'Pop'].includes(os) ? osrelease : first}`,
  }
}
