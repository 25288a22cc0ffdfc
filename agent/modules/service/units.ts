/** Names of units, and what systemctl says of them; all pure (Salt: modules/systemd_service.py). */
import { InvocationError } from '../contract.ts'
import { argumentName } from '../host/programs.ts'
import type { ValueObject } from '../../wire/value.ts'

const unitTypes = ['service', 'socket', 'device', 'mount', 'automount', 'swap', 'target', 'path', 'timer']

/**
 * A unit's full name: `.service` is put behind one without a type.
 *
 * @throws InvocationError for what is no name of a unit
 */
export function unitName(name: string): string {
  if (/[/\s]/.test(argumentName('name', name))) throw new InvocationError(`name must not have slashes or white space: ${name}`)
  return unitTypes.some((type) => name.endsWith(type)) ? name : `${name}.service`
}

/** The name by which a unit is listed: without `.service`. Undefined for what is none of the known types. */
export function listedName(unit: string): string | undefined {
  const at = unit.lastIndexOf('.')
  const type = unit.slice(at + 1)
  if (at < 0 || !unitTypes.includes(type)) return undefined
  return type === 'service' ? unit.slice(0, at) : unit
}

function sorted(names: Iterable<string | undefined>): string[] {
  return [...new Set(names)].filter((name) => name !== undefined).toSorted((a, b) => (a < b ? -1 : 1))
}

/** The units of a list of unit files that have a state: enabled, disabled, static. */
export function unitsInState(listing: string, state: string): string[] {
  return sorted(
    listing.split('\n').map((line) => {
      const [unit = '', is] = line.trim().split(/\s+/)
      return is === state ? listedName(unit) : undefined
    }),
  )
}

/** The units of a list of loaded ones that run. */
export function runningUnits(listing: string): string[] {
  return sorted(
    listing.split('\n').map((line) => {
      const [unit = '', , , sub] = line.trim().split(/\s+/)
      return sub === 'running' ? listedName(unit) : undefined
    }),
  )
}

/** The properties that `systemctl show` prints: name → text, a list for Before, After and Wants, a map for what is in braces. */
export function readProperties(text: string): ValueObject {
  const properties = Object.create(null) as ValueObject
  for (const line of text.split('\n')) {
    const at = line.indexOf('=')
    const [name, value] = at < 0 ? [line, ''] : [line.slice(0, at), line.slice(at + 1)]
    if (value.startsWith('{')) properties[name] = readBraces(value)
    else properties[name] = ['Before', 'After', 'Wants'].includes(name) ? value.split(/\s+/).filter((word) => word !== '') : value
  }
  return properties
}

function readBraces(value: string): ValueObject {
  const parts = Object.create(null) as ValueObject
  for (const item of value.replaceAll(/[{}]/g, '').split(' ; ')) {
    const [name = '', text = ''] = item.split('=')
    parts[name.trim()] = text.trim()
  }
  return parts
}

/** An error's text without the lines that systemd-run says of the scope it made. */
export function withoutScope(text: string): string {
  return text.split('\n').filter((line) => !line.endsWith('.scope')).join('\n').trim()
}
