/** Slack's message for a return, as Salt's returner lays it out (salt/returners/slack_webhook_return.py): attachments with colours. */
import { hostname } from 'node:os'
import type { ReturnRecord } from '../contract.ts'
import { isStateReturn, summarise, type StateSummary } from './states.ts'

export interface MessageSettings {
  success_title: string
  failure_title: string
  author_icon: string
  show_tasks: boolean
  /** Longest value that is shown, characters. */
  max_text: number
}

interface Attachment {
  title: string
  color: string
  text?: string
  fallback?: string
  author_name?: string
  author_link?: string
  author_icon?: string
  fields?: { value: string; short: false }[]
}

/** The message as Slack takes it. */
export function messageOf(ret: ReturnRecord, settings: MessageSettings): { attachments: Attachment[] } {
  const success = succeeded(ret.retcode)
  const title = filled(success ? settings.success_title : settings.failure_title, ret)
  const summary = isStateReturn(ret.return) ? summarise(ret.return) : undefined
  const head: Attachment = {
    fallback: title,
    color: '#272727',
    author_name: ret.id,
    author_link: hostname(),
    author_icon: settings.author_icon,
    title: `Success: ${success ? 'True' : 'False'}`,
    text: [title, ...facts(ret, summary, settings.max_text)].join('\n'),
  }
  const rest = summary === undefined
    ? [{ color: success ? 'good' : 'danger', title: 'Return', text: codeBlock(ret.return, settings.max_text) }]
    : stateAttachments(summary, settings.show_tasks)
  return { attachments: [head, ...rest] }
}

function facts(ret: ReturnRecord, summary: StateSummary | undefined, maxText: number): string[] {
  const fun = typeof ret.fun === 'string' ? ret.fun : ret.fun.join(', ')
  return [
    `Function: ${cut(fun, maxText)}`,
    ...(ret.fun_args.length === 0 ? [] : [`Function Args: ${cut(JSON.stringify(ret.fun_args), maxText)}`]),
    `JID: ${ret.jid}`,
    ...(summary === undefined ? [] : [`Total: ${summary.total}`, `Duration: ${summary.seconds.toFixed(2)} secs`]),
  ]
}

function stateAttachments({ unchanged, changed, failed }: StateSummary, showTasks: boolean): Attachment[] {
  const tasks = (names: readonly string[]) => (showTasks && names.length > 0 ? { fields: names.map((value) => ({ value, short: false as const })) } : {})
  return [
    { color: 'good', title: `Unchanged: ${unchanged}` },
    { color: 'warning', title: `Changed: ${changed.length}`, ...tasks(changed) },
    { color: 'danger', title: `Failed: ${failed.length}`, ...tasks(failed) },
  ]
}

function codeBlock(value: unknown, maxText: number): string {
  const text = typeof value === 'string' ? value : JSON.stringify(value, null, 2)
  // Three of them would end the block.
  return `\`\`\`\n${cut(text, maxText).replaceAll('```', "'''")}\n\`\`\``
}

function cut(text: string, maxText: number): string {
  return text.length <= maxText ? text : `${text.slice(0, maxText).toWellFormed()}\n… ${text.length - maxText} characters more`
}

/** A title with its places filled; one that is unknown becomes empty, as in Salt. */
function filled(title: string, ret: ReturnRecord): string {
  const values: Record<string, string | undefined> = {
    id: ret.id, jid: ret.jid, fun: typeof ret.fun === 'string' ? ret.fun : ret.fun.join(', '), user: ret.user, host: hostname(), localhost: hostname(),
  }
  return title.replaceAll(/\{(\w+)\}/g, (_, name: string) => (Object.hasOwn(values, name) ? values[name] ?? '' : ''))
}

/** A job of several functions has a map of codes: all count. */
function succeeded(retcode: unknown): boolean {
  return typeof retcode === 'object' && retcode !== null ? Object.values(retcode).every((one) => one === 0) : retcode === 0
}
