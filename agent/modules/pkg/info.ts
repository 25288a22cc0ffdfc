import { readFile, stat } from 'node:fs/promises'
import type { Value } from '../../wire/value.ts'
import { CommandExecutionError } from '../contract.ts'
import type { BuiltinContext } from '../services.ts'
import { ask } from './manager.ts'
import { infoFormat, readPackageInfo } from './parse-apt.ts'

const rpmFields = ['name', 'version', 'release', 'epoch', 'arch', 'vendor', 'group', 'packager', 'url', 'license', 'summary', 'sourcerpm', 'installtime'] as const
const rpmFormat = `${rpmFields.map((field) => `%{${field.toUpperCase()}}`).join('\\x1f')}\\x1f%{DESCRIPTION}\\x1e`

/**
 * What dpkg or rpm knows of installed packages.
 *
 * @throws CommandExecutionError in Salt's words for one that is not installed, unless `failhard` is false
 */
export async function installedInfo(context: BuiltinContext, family: string, names: string[], failhard: boolean): Promise<Value> {
  if (family === 'Alpine') throw new CommandExecutionError('apk tells too little of its packages: use pkg.version and pkg.list_pkgs')
  const found: Record<string, Value> = Object.create(null) as Record<string, Value>
  const isDebian = family === 'Debian'
  const { retcode, stdout, stderr } = isDebian
    ? await ask(context, 'dpkg-query', ['-W', `-f=${infoFormat}`, ...names])
    : await ask(context, 'rpm', names.length === 0 ? ['-qa', '--queryformat', rpmFormat] : ['-q', '--queryformat', rpmFormat, ...names])
  if (retcode !== 0 && failhard) throw new CommandExecutionError(`Error getting packages information: ${stderr || stdout}`)
  if (!isDebian) return readRpmInfo(stdout)
  for (const [name, fields] of readPackageInfo(stdout)) {
    const [installed, license] = [await installDate(fields['name'] ?? name), await licensesOf(name)]
    found[name] = { ...fields, ...(installed !== '' && { install_date: installed }), ...(license !== '' && { license }) }
  }
  return found
}

/** The records that rpm prints in our format; fields it does not know are left out. */
export function readRpmInfo(text: string): Record<string, Value> {
  const found = Object.create(null) as Record<string, Value>
  for (const record of text.split('\u001E')) {
    const values = record.replace(/^\n/, '').split('\u001F')
    const [name] = values
    if (name === undefined || values.length <= rpmFields.length) continue
    const known = rpmFields.map((field, at) => [field, values[at] ?? ''] as const).filter(([, value]) => value !== '(none)' && value !== '')
    const { installtime, sourcerpm, ...fields } = Object.fromEntries(known) as Record<string, string>
    const seconds = Number(installtime ?? 0)
    found[name] = {
      ...fields,
      ...(sourcerpm !== undefined && { source: sourcerpm }),
      ...(seconds > 0 && { install_date: `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`, install_date_time_t: seconds }),
      description: values[rpmFields.length] ?? '',
    }
  }
  return found
}

/** When dpkg last wrote the list of a package's files. */
async function installDate(name: string): Promise<string> {
  for (const path of [`/var/lib/dpkg/info/${name}.list`, `/var/lib/dpkg/info/${name}:amd64.list`]) {
    const found = await stat(path).catch(() => undefined)
    if (found !== undefined) return `${found.mtime.toISOString().slice(0, 19)}Z`
  }
  return ''
}

async function licensesOf(name: string): Promise<string> {
  const text = await readFile(`/usr/share/doc/${name}/copyright`, 'utf8').catch(() => '')
  const named = text.split('\n').flatMap((line) => (line.startsWith('License:') ? [line.slice('License:'.length).trim()] : []))
  return [...new Set(named)].toSorted((a, b) => (a < b ? -1 : 1)).join(', ')
}
