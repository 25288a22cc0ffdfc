/** How `brine cmd` shows returns and what it exits with: as `salt` does. */
import { type Value, type ValueObject, entries, get, isMap } from '../../agent/wire/value.ts'
import { type OutputterName, render } from '../../agent/outputters/index.ts'
import { type Palette } from '../../agent/outputters/nested.ts'

/** Exit codes of `salt`: a minion failed or did not return; nothing came back at all. */
export const EXIT = { ok: 0, failed: 1, nothing: 2 } as const

export interface PrinterSettings {
  out?: OutputterName | undefined
  indent?: number | undefined
  /** Print everything at the end, as one. */
  together: boolean
  /** Returns are not shown at all: a progress bar stands for them. */
  hidden: boolean
  /** `sys.doc` is printed as text per function. */
  docs: boolean
  /** Minions that did not return are shown. They count as failed either way. */
  showMissing: boolean
  palette: Palette
  /** Where returns go: standard output, or a file. */
  stdout(text: string): void
  stderr(text: string): void
}

/** What came of a command, by ids. */
export interface Tally {
  returned: string[]
  failed: string[]
  notConnected: string[]
  noResponse: string[]
  /** The highest retcode; at least 1 when someone did not return. */
  retcode: number
}

export interface ReturnPrinter {
  /** `load`: the minion's return map with `return`, `retcode`, `out`. */
  returned(id: string, load: ValueObject): void
  missing(id: string, connected: boolean, jid: string): void
  /** Counts one that did not return and shows nothing of it. */
  lost(id: string, connected: boolean): void
  /** Prints what was held back. */
  flush(): void
  tally: Readonly<Tally>
}

/** Makes the printer of one command's returns. */
export function makeReturnPrinter(settings: PrinterSettings): ReturnPrinter {
  const all: ValueObject = Object.create(null) as ValueObject
  const held = settings.together || settings.docs
  const tally: Tally = { returned: [], failed: [], notConnected: [], noResponse: [], retcode: 0 }

  const print = (data: ValueObject, out: Value | undefined, retcode: number) => {
    const text = render(data, { wanted: settings.out, out, retcode, indent: settings.indent, palette: settings.palette }).trimEnd()
    if (text !== '') settings.stdout(`${text}\n`)
  }
  const show = (id: string, value: Value, out: Value | undefined, retcode: number) => {
    if (settings.hidden) return
    if (held) all[id] = value
    else print({ [id]: value }, out, retcode)
  }

  const lost = (id: string, connected: boolean) => {
    const ids = connected ? tally.noResponse : tally.notConnected
    ids.push(id)
    tally.retcode = Math.max(tally.retcode, EXIT.failed)
  }

  return {
    tally,
    returned(id, load) {
      const retcode = retcodeOf(get(load, 'retcode'))
      tally.returned.push(id)
      if (retcode !== 0) tally.failed.push(id)
      tally.retcode = Math.max(tally.retcode, retcode)
      show(id, get(load, 'return') ?? null, get(load, 'out'), retcode)
      for (const line of returnerErrors(id, get(load, 'returner_errors'))) settings.stderr(`${line}\n`)
    },
    lost,
    missing(id, connected, jid) {
      lost(id, connected)
      if (settings.showMissing) show(id, missingText(connected, jid), 'no_return', 1)
    },
    flush() {
      if (settings.docs) {
        printDocs(all, settings)
        // A refusal, or a minion that did not return: no documentation, and to be seen all the same.
        for (const [id, value] of Object.entries(all)) if (!isMap(value)) print({ [id]: value }, undefined, EXIT.failed)
      }
      else if (Object.keys(all).length > 0) print(all, undefined, 0)
    },
  }
}

/** What `brine cmd` exits with when it did not run in batches, and says on standard error. */
export function exitCodeOf({ returned, failed, notConnected, noResponse }: Readonly<Tally>, stderr: (text: string) => void): number {
  const missing = notConnected.length + noResponse.length
  if (returned.length + missing === 0) {
    stderr('ERROR: No return received\n')
    return EXIT.nothing
  }
  if (failed.length + missing === 0) return EXIT.ok
  stderr('ERROR: Minions returned with non-zero exit code\n')
  return EXIT.failed
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
