import { get } from '../wire/value.ts'
import { CommandExecutionError, defineFunction, defineModule, InvocationError, param } from './contract.ts'
import { namesIn, readText } from './host/files.ts'
import { offsetText } from './host/strftime.ts'
import { localTime, zoneFile, zoneName, zonePath } from './host/time-zone.ts'
import type { BuiltinContext } from './services.ts'

/**
 * The zone's name. Where /etc/localtime is a copy, the first zone with the same contents.
 *
 * @throws CommandExecutionError when no zone fits.
 */
async function zone(): Promise<string> {
  const name = await zoneName()
  if (name !== undefined) return name
  const bytes = await zoneFile('/etc/localtime')
  for (const candidate of await zoneNames()) {
    const other = await zoneFile(zonePath(candidate) ?? '')
    if (bytes !== undefined && other?.equals(bytes) === true) return candidate
  }
  throw new CommandExecutionError('Unable to determine timezone')
}

/** All zones of the database: areas of one or two levels. */
async function zoneNames(): Promise<string[]> {
  const found: string[] = []
  const listed = async (area: string): Promise<string[]> => {
    const names = (await namesIn(`/usr/share/zoneinfo/${area}`)).filter((name) => /^[A-Z]/.test(name)).toSorted()
    return names.map((name) => (area === '' ? name : `${area}/${name}`))
  }
  for (const area of await listed('')) {
    const places = await listed(area)
    found.push(...(places.length === 0 ? [area] : places))
    for (const place of places) found.push(...(await listed(place)))
  }
  return found
}

/** Whether the hardware clock shows UTC or local time: the third line of its file, as hwclock and systemd keep it. */
async function hardwareClock(): Promise<string> {
  const kept = (await readText('/etc/adjtime'))?.split('\n')[2]?.trim()
  return kept === 'LOCAL' ? 'localtime' : 'UTC'
}

async function compare(name: string): Promise<boolean> {
  const path = zonePath(name)
  const [own, other] = [await zoneFile('/etc/localtime'), path === undefined ? undefined : await zoneFile(path)]
  if (own === undefined) throw new CommandExecutionError('Failed to read /etc/localtime to determine current timezone: No such file or directory')
  if (other === undefined) throw new InvocationError(`Can't find a local timezone "${name}"`)
  return own.equals(other)
}

const now = (context: BuiltinContext) => localTime(new Date(), context.agent.environment['TZ'])

export default defineModule<BuiltinContext>({
  name: 'timezone',
  virtual: ({ grains }) => (get(grains, 'kernel') ?? 'Linux') === 'Linux' || 'The timezone module of Brine is for Linux',
  functions: {
    get_hwclock: defineFunction({ doc: 'Returns what the hardware clock shows: UTC or localtime.', run: hardwareClock }),
    get_offset: defineFunction({
      doc: "Returns how far the host's time is ahead of UTC, such as +0100.",
      run: async (context: BuiltinContext) => offsetText((await now(context)).offsetMinutes),
    }),
    get_zone: defineFunction({ doc: "Returns the name of the host's time zone, such as Europe/Berlin.", run: zone }),
    get_zonecode: defineFunction({
      doc: "Returns the short name of the host's time zone now, such as CET.",
      run: async (context: BuiltinContext) => (await now(context)).zone,
    }),
    zone_compare: defineFunction({
      doc: "Whether a zone is the host's: whether its file has the same contents.",
      args: { timezone: param.text() },
      run: (_context, { timezone }) => compare(timezone),
    }),
  },
})
