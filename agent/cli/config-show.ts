import type { ArgumentsCamelCase, Argv, CommandModule } from 'yargs'
import type { ConfigSources } from '../../config/load.ts'
import { type OptionRow, optionRows } from '../../config/option-rows.ts'
import { isPlainMap } from '../../config/plain-map.ts'
import { formatSource, suggestName } from '../../config/problems.ts'
import { yamlScalar } from '../../config/sample.ts'
import { exactDuration, exactSize } from '../../config/units.ts'
import { withReturnerSecrets } from '../returner-host/secret-paths.ts'
import { type MasterFlag, loadMasterFor, schemaOf, withMasterFlag } from './config-master.ts'
import { CliError } from './exit-codes.ts'
import { type ConfigArguments, loadFor, withConfig } from './options.ts'
import { printable } from './table.ts'

type Arguments = ConfigArguments & MasterFlag & { json: boolean; options: string[] }

/** `brine config show`: what is in force. */
export const showCommand: CommandModule<unknown, Arguments> = {
  command: 'show [options..]',
  describe: 'Print what is in force and where it comes from; secrets as ***',
  builder: (yargs: Argv) =>
    withMasterFlag(withConfig(yargs))
      .positional('options', { type: 'string', array: true, default: [] as string[], describe: 'Only these: names, maps, or beginnings with a * behind them' })
      .option('json', { type: 'boolean', default: false, describe: 'As JSON: durations in milliseconds (of the master: seconds), sizes in bytes' })
      .example('$0 config show outbox', 'all of a map')
      .example("$0 config show id 'log_*'", 'one option, and those that begin so'),
  async handler(args) {
    const all = await allOptions(args)
    const options = args.options.length === 0 ? all : args.options.flatMap((wanted) => chosen(wanted, all))
    if (args.json) return console.log(JSON.stringify(options, (_key, value: unknown) => (typeof value === 'bigint' ? String(value) : value), 2))
    const rows = new Map(optionRows(schemaOf(args)).map((row) => [row.path.join('.'), row]))
    for (const { option, value, source } of options) console.log(`${printable(option)}: ${written(value, rows.get(option), args.master)}  # ${source}`)
  },
}

interface EffectiveOption {
  option: string
  value: unknown
  source: string
}

interface Effective {
  config: object
  raw: Readonly<Record<string, unknown>>
  sources: Pick<ConfigSources, 'of' | 'isSecret'>
}

async function allOptions(args: ArgumentsCamelCase<Arguments>): Promise<EffectiveOption[]> {
  if (args.master) {
    const { options, ...rest } = loadMasterFor(args)
    return effectiveOptions(await withReturnerSecrets({ config: options, ...rest }))
  }
  const loaded = await loadFor(args)
  const idSource = { option: undefined, minion_id: `${loaded.config.conf_dir}/minion_id`, hostname: "the host's name" }[loaded.sources.id]
  const options = effectiveOptions(await withReturnerSecrets(loaded))
  return options.map((one) => (one.option === 'id' && idSource !== undefined ? { ...one, source: idSource } : one))
}

/** Every option in force, then what was set beyond the schema. */
function effectiveOptions({ config, raw, sources }: Effective): EffectiveOption[] {
  const extra = Object.fromEntries(Object.entries(raw).filter(([key]) => !Object.hasOwn(config, key)))
  const walk = (map: object, above: string[]): EffectiveOption[] =>
    Object.entries(map).flatMap(([key, value]: [string, unknown]) => {
      const path = [...above, key]
      if (isPlainMap(value) && Object.keys(value).length > 0) return walk(value, path)
      return [{ option: path.join('.'), value: sources.isSecret(path) ? '***' : (value ?? null), source: formatSource(sources.of(path)) }]
    })
  return [...walk(config, []), ...walk(extra, [])]
}

/** `outbox` is the option or all of the map, `log_*` what begins so. @throws CliError when there is no such option */
function chosen(wanted: string, all: readonly EffectiveOption[]): EffectiveOption[] {
  const isChosen = wanted.endsWith('*')
    ? ({ option }: EffectiveOption) => option.startsWith(wanted.slice(0, -1))
    : ({ option }: EffectiveOption) => option === wanted || option.startsWith(`${wanted}.`)
  const found = all.filter(isChosen)
  if (found.length > 0) return found
  const names = new Set(all.flatMap(({ option }) => [option, option.split('.')[0] ?? '']))
  const near = suggestName(wanted, names)
  throw new CliError(`no option ${wanted} is set or has a default${near === undefined ? '' : `; did you mean ${near}?`}`)
}

/** As it would be written in a file: durations and sizes with their units. */
function written(value: unknown, row: OptionRow | undefined, isMaster: boolean): string {
  if (typeof value === 'number' && row?.type.startsWith('duration') === true) return exactDuration(isMaster ? value * 1000 : value)
  if (typeof value === 'number' && row?.type === 'size') return exactSize(value)
  return yamlScalar(value)
}
