/** Whether a returner would work, and what its target lacks. */
import type { ReturnerHost, TargetFinding } from '../returner-host/host.ts'
import { printable } from './table.ts'

/** As `brine returner check --json` shows it. */
export interface CheckedReturner {
  name: string
  retConfig?: string | undefined
  ok: boolean
  error?: string
  /** What it says about its target. */
  target?: TargetFinding[]
}

/** Looks at the target first, then opens: what is missing is said exactly, whatever opening would say of it. */
export async function checkedReturner(
  host: ReturnerHost,
  { name, retConfig }: { name: string; retConfig?: string | undefined },
  create: boolean,
): Promise<CheckedReturner> {
  const request = retConfig === undefined ? {} : { retConfig }
  const about = { name, ...request }
  const looked = await host.look(name, request, create)
  if (!looked.ok) return { ...about, ok: false, error: looked.error }
  const { findings } = looked
  if (findings === null && create) return { ...about, ok: false, error: 'it makes nothing at its target: leave out --create' }
  const target = findings === null || findings.length === 0 ? {} : { target: findings }
  if (findings?.some(({ kind }) => kind === 'missing') === true) {
    const error = create ? `what is missing has to be made by hand; brine returner show ${name} --schema has it all` : `brine returner check ${name} --create makes what is missing`
    return { ...about, ok: false, error, ...target }
  }
  const opened = await host.test(name, request)
  return opened.ok ? { ...about, ok: true, ...target } : { ...about, ok: false, error: opened.error, ...target }
}

const WORDS: Readonly<Record<TargetFinding['kind'], string>> = { missing: 'needed', advice: 'note', made: 'made' }

/** One line for people, and one more for each finding. */
export function checkLines({ name, retConfig, ok, error, target = [] }: CheckedReturner): string[] {
  const title = retConfig === undefined ? name : `${name}@${retConfig}`
  const again = retConfig === undefined ? name : `${name} --ret-config ${retConfig}`
  const head = ok ? `ok    ${title}: opens; brine returner test ${again} sends a return` : `FAIL  ${title}: ${printable(error ?? '')}`
  return [head, ...target.map(({ kind, text }) => `      ${WORDS[kind]}: ${printable(text)}`)]
}
