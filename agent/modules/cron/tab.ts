/** A crontab as Salt reads and writes it (modules/cron.py): what it manages stands below a mark. */
export const mark = '# Lines below here are managed by Salt, do not edit'
const identifierMark = 'SALT_CRON_IDENTIFIER'
/** Salt's identifier of a job that has none. */
export const noIdentifier = 'NO ID SET'
const disabledMark = '#DISABLED#'

/** What jobs and special entries have in common. */
interface Entry {
  cmd: string
  identifier: string | null
  comment: string | null
  commented: boolean
}

export interface CronJob extends Entry {
  minute: string
  hour: string
  daymonth: string
  month: string
  dayweek: string
}

export interface SpecialJob extends Entry {
  spec: string
}

export interface Tab {
  /** Lines above the mark. */
  pre: string[]
  crons: CronJob[]
  special: SpecialJob[]
  env: { name: string; value: string }[]
}

export const timeFields = ['minute', 'hour', 'daymonth', 'month', 'dayweek'] as const

/** Reads the text of a crontab. Below the mark, what is no job, variable or comment of a job is passed over, as in Salt. */
export function parseTab(text: string): Tab {
  const tab: Tab = { pre: [], crons: [], special: [], env: [] }
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  const at = lines.indexOf(mark)
  tab.pre = at < 0 ? lines : lines.slice(0, at)
  let notes: Pick<Entry, 'comment' | 'identifier'> = { comment: null, identifier: null }
  for (const line of at < 0 ? [] : lines.slice(at + 1)) {
    if (line === mark) continue
    const commented = line.startsWith(disabledMark)
    const live = commented ? line.slice(disabledMark.length) : line
    if (live.startsWith('#')) notes = addComment(notes, live)
    else if (addEntry(tab, live, { ...notes, commented })) notes = { comment: null, identifier: null }
  }
  return tab
}

function addComment(notes: Pick<Entry, 'comment' | 'identifier'>, line: string): Pick<Entry, 'comment' | 'identifier'> {
  let text = line.replace(/^[# ]+/, '')
  let { identifier } = notes
  if (text.includes(identifierMark)) {
    const [before = '', after = ''] = text.split(identifierMark)
    text = before.trimEnd()
    if (after.length > 1) identifier = after.slice(1)
  }
  return { identifier, comment: notes.comment === null ? text : `${notes.comment}\n${text}` }
}

/** True when the line was a job. */
function addEntry(tab: Tab, line: string, common: Omit<Entry, 'cmd'>): boolean {
  const columns = line.split(' ')
  if (line.startsWith('@')) {
    const [spec = '', ...cmd] = line.split(/\s+/).filter((word) => word !== '')
    if (cmd.length === 0) return false
    tab.special.push({ spec, cmd: cmd.join(' '), ...common })
    return true
  }
  const equals = line.indexOf('=')
  if (equals > 0 && (!line.includes(' ') || equals < line.indexOf(' '))) {
    tab.env.push({ name: line.slice(0, equals), value: line.slice(equals + 1) })
    return false
  }
  const [minute = '', hour = '', daymonth = '', month = '', dayweek = '', ...cmd] = columns
  if (cmd.length === 0) return false
  tab.crons.push({ minute, hour, daymonth, month, dayweek, cmd: cmd.join(' '), ...common })
  return true
}

/** The text of a crontab. */
export function renderTab({ pre, env, crons, special }: Tab): string {
  const lines = [...pre]
  if (lines.at(-1) !== mark) lines.push(mark)
  lines.push(...env.map(({ name, value }) => `${name}=${value === '' ? '""' : value}`))
  for (const job of crons) lines.push(...commentLines(job), `${prefix(job)}${timeFields.map((field) => job[field]).join(' ')} ${job.cmd}`)
  for (const job of special) lines.push(...commentLines(job), `${prefix(job)}${job.spec} ${job.cmd}`)
  return lines.map((line) => `${line}\n`).join('')
}

function prefix({ commented }: Entry): string {
  return commented ? disabledMark : ''
}

function commentLines({ comment, identifier }: Entry): string[] {
  if (comment === null && identifier === null) return []
  const text = comment ? ` ${comment.trimEnd().replaceAll('\n', '\n# ')}` : ''
  return [`#${text}${identifier ? ` ${identifierMark}:${identifier}` : ''}`]
}

/** The identifier under which an entry is found. */
export function identifierOf({ identifier }: Entry): string {
  return identifier || noIdentifier
}

/**
 * Whether an entry is the one that is meant: by the identifier, where one is given or set; else by the command. An entry without
 * identifier that has the command is taken by any identifier.
 */
export function matches(entry: Entry, cmd: string, identifier: string | null): boolean {
  const [own, wanted] = [identifierOf(entry), identifier || noIdentifier]
  if (own === noIdentifier && wanted === noIdentifier) return entry.cmd === cmd
  return own === wanted || (own === noIdentifier && entry.cmd === cmd)
}
