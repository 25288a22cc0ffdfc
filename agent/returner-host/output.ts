import type { Readable } from 'node:stream'
import type { Clock } from '../clock.ts'

/** More of one line than this is cut: what a returner prints is for people, and not to become a way out for payloads. */
const maxLineLength = 200
/** More of a line that has not ended is thrown away. Longer than what is shown: a secret at the cut must still be known as one. */
const maxHeldLength = 8192
const linesPerWindow = 10
const windowMs = 10_000

/**
 * Reads what a process prints, line by line, and passes on what a log can bear: ten short lines in ten seconds. The
 * rest is read and counted, so that the process never blocks on a full pipe.
 *
 * @param scrub takes secrets out of a whole line, before it is cut.
 * @param say gets a line and how many were left out before it.
 */
export function captureLines(stream: Readable, clock: Clock, scrub: (line: string) => string, say: (line: string, leftOut: number) => void): void {
  let rest = ''
  let windowStart = clock.monotonic()
  let said = 0
  let leftOut = 0

  function line(text: string): void {
    if (clock.monotonic() - windowStart >= windowMs) {
      windowStart = clock.monotonic()
      said = 0
    }
    if (said >= linesPerWindow) {
      leftOut += 1
      return
    }
    said += 1
    say(scrub(text).slice(0, maxLineLength), leftOut)
    leftOut = 0
  }

  stream.setEncoding('utf8')
  stream.on('data', (chunk: string) => {
    const lines = (rest + chunk).split('\n')
    rest = (lines.pop() ?? '').slice(0, maxHeldLength)
    for (const one of lines) if (one.trim() !== '') line(one.trimEnd())
  })
  stream.on('end', () => {
    if (rest.trim() !== '') line(rest)
  })
  stream.on('error', () => {})
}
