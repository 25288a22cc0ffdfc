/** What `brine returner show` tells of one returner. */
import type { LoadedConfig } from '../../config/load.ts'
import { formatSource } from '../../config/problems.ts'
import { type FoundOption, lookupReturnerOptions, returnerProfiles } from '../../config/returner-options.ts'
import { yamlScalar } from '../../config/sample.ts'
import { minionSchema } from '../../config/schema.ts'
import { isSecretName } from '../../config/secret.ts'
import type { Description } from '../returner-host/definition.ts'
import type { ReturnerListing } from '../returner-host/library.ts'
import { optionNames } from '../returner-host/prepare.ts'
import { isRule } from '../returner-host/rules.ts'
import { printable } from './table.ts'

type Option = Description['options'][number]

const WIDTH = 80
const DELIVERY: Readonly<Record<Description['delivery'], string>> = {
  upsert: 'upsert: a return that is sent again replaces itself',
  'dedupe-key': 'dedupe-key: whoever stores it can drop what was sent again',
  'at-least-once': 'at-least-once: what is sent again after a lost answer is stored again',
}

/** For people as lines of at most 80 columns, for programs as data. No value of a secret is in either. */
export function shownReturner(loaded: LoadedConfig, listing: ReturnerListing, description: Description): { lines: string[]; data: object } {
  const configured = configuredValues(loaded, description)
  const { name, summary, delivery, isolation, maxBatch, options } = description
  const lines = [
    `${name}: ${printable(summary)}`,
    `source     ${printable(listing.source)}${listing.state === 'disabled' ? ' (disabled here)' : ''}`,
    `delivery   ${DELIVERY[delivery]}`,
    `isolation  ${isolation === 'inline' ? 'in the agent' : 'a process of its own'}, ${maxBatch} ${maxBatch === 1 ? 'return' : 'returns'} at a time`,
    '',
    ...(options.length === 0 ? ['It has no options.'] : ['Options:', ...options.flatMap(optionLines), '', 'Set:', ...setLines(configured)]),
    '',
    'Sample:',
    ...sampleLines(description),
  ]
  return { lines, data: { ...listing, isolation, maxBatch, options, configured, sample: `${sampleLines(description).map((line) => line.slice(2)).join('\n')}\n` } }
}

interface Configured {
  option: string
  /** Under which `ret_config`; null for the usual one. */
  profile: string | null
  value: unknown
  source: string
}

function configuredValues({ raw, sources }: LoadedConfig, description: Description): Configured[] {
  const names = optionNames(description)
  const free = Object.fromEntries(Object.entries(raw).filter(([key]) => !Object.hasOwn(minionSchema.shape, key)))
  return [...returnerProfiles(free, names)].flatMap((profile) => {
    const found = lookupReturnerOptions(raw, { names, ...(profile !== undefined && { retConfig: profile }) })
    const own = [...found].filter(([, one]) => profile === undefined || one.from.startsWith(`${profile}.`))
    return own.map(([option, one]): Configured => {
      const value = masked(option, one, description.options)
      return { option, profile: profile ?? null, value, source: formatSource(sources.of(one.path)) }
    })
  })
}

/** Where a secret is read from may be seen, the secret not. */
function masked(option: string, { value: found, path }: FoundOption, options: readonly Option[]): unknown {
  if (isRule(option)) return found
  const value = withoutUsers(found)
  const row = options.find((one) => one.name === option)
  const hide = (one: unknown): unknown => (isReference(one) ? one : '***')
  if (row?.secret === 'values' && typeof value === 'object' && value !== null) return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, hide(one)]))
  return row === undefined || row.secret !== undefined || path.some(isSecretName) ? hide(value) : value
}

/** Without user and password in addresses, also where the returner refuses them there. */
function withoutUsers(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutUsers)
  return typeof value === 'string' ? value.replace(/:\/\/[^\s/]*@/g, '://***@') : value
}

/** Where a returner writes, for people: what is set of its options, and defaults that are files of this host. Secrets are masked. */
export function placesOf(loaded: LoadedConfig, description: Description, retConfig: string | undefined): string {
  const set = configuredValues(loaded, description).filter(({ profile }) => profile === null || profile === retConfig)
  const values = new Map(set.map(({ option, value }) => [option, yamlScalar(value)]))
  for (const { name, default: standard } of description.options) {
    if (!values.has(name) && typeof standard === 'string' && standard.startsWith('/')) values.set(name, `${standard} (the default)`)
  }
  return [...values].map(([option, value]) => `${option}: ${printable(value)}`).join(', ')
}

function isReference(value: unknown): boolean {
  const keys = typeof value === 'object' && value !== null ? Object.keys(value) : []
  return keys.length === 1 && (keys[0] === 'file' || keys[0] === 'env')
}

function optionLines({ name, type, required, default: standard, description }: Option): string[] {
  const facts = [type, ...(required ? ['required'] : standard === undefined ? [] : [`default ${yamlScalar(standard)}`])].join(', ')
  return [`  ${name}: ${printable(facts)}`, ...wrap(printable(description), WIDTH - 6).map((line) => `      ${line}`)]
}

function setLines(configured: readonly Configured[]): string[] {
  if (configured.length === 0) return ['  nothing: the defaults are used']
  return configured.map(({ option, profile, value, source }) => `  ${profile === null ? '' : `${profile}: `}${option}: ${printable(yamlScalar(value))}  # ${source}`)
}

/** Required options to fill in, the others with their defaults as comments. */
function sampleLines({ name, options }: Description): string[] {
  const lines = options.map((option) => {
    const value = option.default === undefined ? placeholder(option.type) : yamlScalar(option.default)
    return `    ${option.required ? '' : '# '}${option.name}: ${value}`
  })
  return [`  ${name}:${options.length === 0 ? ' {}' : ''}`, ...lines]
}

function placeholder(type: string): string {
  if (type === 'secret') return '{file: /etc/brine/secret}'
  if (type === 'number') return '1'
  if (type === 'true or false') return 'True'
  if (type.startsWith('list')) return '[]'
  if (type.startsWith('map')) return '{}'
  return type.startsWith('one of ') ? (type.slice(7).split(', ')[0] ?? '') : 'TEXT'
}

function wrap(text: string, width: number): string[] {
  return text === '' ? [] : (text.match(new RegExp(`\\S.{0,${width - 1}}(?=\\s|$)|\\S{${width}}`, 'g')) ?? [])
}
