import type { Clock } from '../../agent/clock.ts'

export interface ProgressBar {
  /** So many have returned. */
  update(count: number): void
  /** Leaves the bar as it stands and goes to the next line. */
  end(): void
}

/** A terminal, as far as a bar is concerned. */
interface Terminal {
  isTTY?: boolean
  columns?: number
  write(text: string): unknown
}

/** A bar as Salt's, in one line of a terminal: share, bar, time, `Returns: [1/2]`. Where there is no terminal it is silent. */
export function makeProgressBar(terminal: Terminal, total: number, clock: Pick<Clock, 'monotonic'>): ProgressBar {
  if (terminal.isTTY !== true) return { update() {}, end() {} }
  const start = clock.monotonic()
  const update = (count: number) => {
    const share = total === 0 ? 1 : Math.min(1, count / total)
    const head = `${String(Math.floor(share * 100)).padStart(3)}% `
    const tail = ` Elapsed Time: ${elapsed(clock.monotonic() - start)} Returns: [${count}/${total}]`
    // The last column stays free: a full line would wrap on some terminals.
    const room = (terminal.columns ?? 80) - 1 - head.length - tail.length - 2
    const bar = room < 3 ? '' : `|${'#'.repeat(Math.floor(room * share)).padEnd(room)}|`
    terminal.write(`\r${`${head}${bar}${tail}`.slice(0, Math.max(1, (terminal.columns ?? 80) - 1))}`)
  }
  update(0)
  return { update, end: () => void terminal.write('\n') }
}

function elapsed(ms: number): string {
  const seconds = Math.floor(ms / 1000)
  const two = (number: number) => String(number).padStart(2, '0')
  return `${Math.floor(seconds / 3600)}:${two(Math.floor(seconds / 60) % 60)}:${two(seconds % 60)}`
}
