import type { Tally } from './print-returns.ts'

const line = '-------------------------------------------'

/** What `--summary` and `--progress` print at the end, in Salt's words; with `verbose` also the ids of those that did not do well. */
export function summaryText({ returned, failed, notConnected, noResponse }: Readonly<Tally>, verbose: boolean): string {
  const missing = notConnected.length + noResponse.length
  const named = (title: string, ids: readonly string[]) => (verbose && ids.length > 0 ? [`${title}: ${ids.join(' ')}`] : [])
  const lines = [
    line,
    'Summary',
    line,
    `# of minions targeted: ${returned.length + missing}`,
    `# of minions returned: ${returned.length}`,
    `# of minions that did not return: ${missing}`,
    `# of minions with errors: ${failed.length}`,
    ...named('Minions not connected', notConnected),
    ...named('Minions not responding', noResponse),
    ...named('Minions with failures', failed),
    line,
  ]
  return `\n\n${lines.join('\n')}\n`
}
