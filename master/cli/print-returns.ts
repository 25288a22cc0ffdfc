/** How `brine cmd` shows returns and what it exits with: as `salt` does. */
import { type Value, type ValueObject, entries, get, isMap } from '../../agent/wire/value.ts'
import { type OutputterName, render } from '../../agent/outputters/index.ts'
import { type Palette } from '../../agent/outputters/nested.ts'

/** Exit codes of `salt`: a minion failed or did not return; nothing came back at all. */
export const EXIT = { ok: 0, failed: 1, nothing: 2 } as const

export interface PrinterSettings {
  out?: OutputterName | undefined
  /** Print everything at the end, as one. */
  together: boolean
  /** `sys.doc` is printed as text per function. */
  docs: boolean
  /** Minions that did not return are shown. They count as failed either way. */
  showMissing: boolean
  palette: Palette
  stdout(text: string): void
  stderr(text: string): void
}

export interface ReturnPrinter {
  /** `load`: the minion's return map with `return`, `retcode`, `out`. */
  returned(id: string, load: ValueObject): void
  missing(id: string, connected: boolean, jid: string): void
  /** Prints what was held back; the exit code. */
  finish(): number
}

/** Makes the printer of one command's returns. */
export function makeReturnPrinter(settings: PrinterSettings): ReturnPrinter {
  const all: ValueObject = Object.create(null) as ValueObject
  const held = settings.together || settings.docs
  let failed = false
  let shown = 0

  const print = (data: ValueObject, out: Value | undefined, retcode: number) => {
    const text = render(data, { wanted: settings.out, out, retcode, palette: settings.palette }).trimEnd()
    if (text !== '') settings.stdout(`${text}\n`)
  }
  const take = (id: string, value: Value, out: Value | undefined, retcode: number) => {
    shown += 1
    if (retcode !== 0) failed = true
    if (held) all[id] = value
    else print({ [id]: value }, out, retcode)
  }

  return {
    returned(id, load) {
      take(id, get(load, 'return') ?? null, get(load, 'out'), retcodeOf(get(load, 'retcode')))
      for (const line of returnerErrors(id, get(load, 'returner_errors'))) settings.stderr(`${line}\n`)
    },
    missing(id, connected, jid) {
      failed = true
      if (settings.showMissing) take(id, missingText(connected, jid), 'no_return', 1)
    },
    finish() {
      if (settings.docs) printDocs(all, settings)
      else if (held && shown > 0) print(all, undefined, 0)
      if (shown === 0 && !failed) {
        settings.stderr('ERROR: No return received\n')
        return EXIT.nothing
      }
      if (!failed) return EXIT.ok
      settings.stderr('ERROR: Minions returned with non-zero exit code\n')
      return EXIT.failed
    },
  }
}

/** The highest of a multi-function job's retcodes; 0 when there is none. */
export function retcodeOf(retcode: Value | undefined): number {
  if (typeof retcode === 'number') return retcode
  if (Array.isArray(retcode)) return Math.max(0, ...retcode.map(retcodeOf))
  if (isMap(retcode)) return Math.max(0, ...entries(retcode).map(([, each]) => retcodeOf(each)))
  return 0
}

/** A line per returner that was asked for and is not there: beside the return, which it leaves as it is. */
function returnerErrors(id: string, errors: Value | undefined): string[] {
  if (!isMap(errors)) return []
  return entries(errors).flatMap(([name, why]) => (typeof name === 'string' && typeof why === 'string' ? [`WARNING: ${id}: returner ${name}: ${why}`] : []))
}

function missingText(connected: boolean, jid: string): string {
  if (!connected) return 'Minion did not return. [Not connected]'
  return [
    'Minion did not return. [No response]',
    'It may still be at work; what it returns later is kept. To see it, run:',
    '',
    `brine jobs show ${jid}`,
  ].join('\n')
}

function printDocs(returns: ValueObject, settings: PrinterSettings): void {
  const docs = new Map<string, string>()
  for (const value of Object.values(returns)) {
    if (!isMap(value)) continue
    for (const [name, text] of entries(value)) {
      if (typeof name === 'string' && typeof text === 'string' && text !== '' && !docs.has(name)) docs.set(name, text)
    }
  }
  for (const name of [...docs.keys()].toSorted()) settings.stdout(`${name}:\n${docs.get(name) ?? ''}\n\n`)
}
