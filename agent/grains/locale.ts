/** `locale_info`: language, encoding and time zone of the agent (grains/core.py, locale_info). */
import type { ValueObject } from '../wire/value.ts'
import type { HostFiles } from './host-files.ts'

/** `environment`: the agent's. `now`: for summer or winter time. */
export async function localeGrains(files: HostFiles, environment: Readonly<Record<string, string | undefined>>, now: Date): Promise<ValueObject> {
  const name = environment['LC_ALL'] || environment['LC_CTYPE'] || environment['LANG'] || 'C'
  const [language = '', encoding] = (name.split('@')[0] ?? '').split('.')
  // A Python without a locale takes UTF-8 and calls it English.
  const plain = ['C', 'POSIX', ''].includes(language)
  return {
    locale_info: {
      defaultlanguage: plain ? 'en_US' : language,
      defaultencoding: plain || encoding === undefined || /^utf-?8$/i.test(encoding) ? 'UTF-8' : encoding,
      detectedencoding: 'utf-8',
      timezone: await zoneName(files, environment['TZ'], now),
    },
  }
}

/** The short name of the time zone now, such as CET: its file ends with the rule in POSIX's form, `CET-1CEST,M3.5.0,M10.5.0/3`. */
async function zoneName(files: HostFiles, zone: string | undefined, now: Date): Promise<string> {
  const named = zone === undefined || zone === '' || /\.\.|^[:/]/.test(zone) ? 'etc/localtime' : `usr/share/zoneinfo/${zone}`
  const rule = (await files.bytes(named))?.toString('latin1').trimEnd().split('\n').at(-1) ?? 'UTC0'
  const match = /^(<[^>]+>|[A-Za-z]+)([-+]?\d+(?::\d+)*)(<[^>]+>|[A-Za-z]+)?/.exec(rule)
  if (match === null) return 'UTC'
  const [, standard = '', offset = '0', summer] = match
  const [hours = 0, minutes = 0] = offset.replace(/^[-+]/, '').split(':').map(Number)
  const west = (offset.startsWith('-') ? -1 : 1) * (hours * 60 + minutes)
  const name = summer !== undefined && now.getTimezoneOffset() !== west ? summer : standard
  return name.replaceAll(/[<>]/g, '')
}
