/** Salt's commands, asked of one member of a pair or of both. */
import { waitFor } from '../site.ts'
import type { Member, Pair } from './pair.ts'

/** What takes several of Salt's commands. */
export interface CommandCheck {
  name: string
  run(pair: Pair): Promise<unknown>
}

/** Publishes without waiting; gives the job id. */
export async function publish({ master }: Pair, member: Member, args: string[], options: string[] = []): Promise<string> {
  const jid = /\b\d{20}\b/.exec(await master.salt('salt', ['--async', ...options, member.id, ...args]))?.[0]
  if (jid === undefined) throw new Error('salt --async named no job id')
  return jid
}

/** Runs a runner of the master; what it prints as JSON. */
export const runner = ({ master }: Pair, args: string[]) => master.salt('salt-run', ['--out', 'json', ...args])

/** One function on one minion, what it returned. Not with `--static`, which loses `--return_config` and `--return_kwargs`. */
export async function call({ master }: Pair, member: Member, args: string[]): Promise<unknown> {
  const { stdout } = await master.outcome('salt', ['--out', 'json', '-t', '10', member.id, ...args])
  return (JSON.parse(stdout) as Record<string, unknown>)[member.id]
}

/** Does the same with both at the same time and wants the same text of both, ids, jids, dates and process numbers aside. */
export async function alike(pair: Pair, work: (member: Member) => Promise<unknown>): Promise<void> {
  const text = async (member: Member): Promise<string> =>
    JSON.stringify(await work(member))
      .replaceAll(member.id, '{id}')
      .replaceAll(/\b\d{20}\b/g, '{jid}')
      .replaceAll(/\d{4}, \w{3} \d\d \d\d:\d\d:\d\d\.\d+/g, '{time}')
      .replaceAll(/at pid \d+|"pid\\?":\s*\d+/g, '{pid}')
  const [stock, ours] = await Promise.all([text(pair.stock), text(pair.ours)])
  const at = Array.from({ length: stock.length }, (_, index) => index).find((index) => ours[index] !== stock[index]) ?? stock.length
  if (stock !== ours) throw new Error(`stock | ours from character ${at} on\n       ${stock.slice(Math.max(0, at - 60), at + 400)}\n       ${ours.slice(Math.max(0, at - 60), at + 400)}`)
}

/** What `jobs.lookup_jid` prints as soon as it knows the member's return. */
export async function lookedUp(pair: Pair, member: Member, jid: string): Promise<string> {
  return waitFor(`the return of ${jid}`, 30_000, async () => {
    const found = await runner(pair, ['jobs.lookup_jid', jid])
    return found.includes(member.id) ? found : undefined
  })
}

/** Runs those whose name holds `only`, one after the other, and says what became of each. */
export async function runChecks(checks: readonly CommandCheck[], pair: Pair, only?: string): Promise<{ run: number; failed: number }> {
  const wanted = checks.filter(({ name }) => only === undefined || name.includes(only))
  let failed = 0
  for (const { name, run } of wanted) {
    try {
      await run(pair)
      console.log(`ok   ${name}`)
    } catch (error) {
      failed += 1
      console.log(`FAIL ${name}: ${error instanceof Error ? error.message : String(error)}`)
    }
  }
  return { run: wanted.length, failed }
}
