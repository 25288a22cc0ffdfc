/** Reads back what a returner stored. */
import type { ReturnerHost } from '../returner-host/host.ts'
import type { Question } from '../returner-host/protocol.ts'
import { CliError } from './exit-codes.ts'

/** What can be asked → the contract's word for it, and whether it is about a job or a function. */
export const READABLE = {
  jid: { question: 'getJid', about: 'a job id' },
  load: { question: 'getLoad', about: 'a job id' },
  fun: { question: 'getFun', about: 'a function' },
  jids: { question: 'getJids', about: null },
  minions: { question: 'getMinions', about: null },
} as const satisfies Record<string, { question: Question; about: string | null }>

export type Readable = keyof typeof READABLE

interface Reading {
  name: string
  retConfig: string | undefined
  what: Readable
  about: string | undefined
}

/** Asks the returner as the agent's configuration has it. @throws CliError when it cannot be read */
export async function readReturner(host: ReturnerHost, { name, retConfig, what, about }: Reading): Promise<unknown> {
  const { question, about: wanted } = READABLE[what]
  if (wanted !== null && about === undefined) throw new CliError(`say which: brine returner read ${name} ${what} takes ${wanted}`)
  const answer = await host.ask(name, retConfig === undefined ? {} : { retConfig }, question, wanted === null || about === undefined ? [] : [about])
  if (!answer.ok) throw new CliError(answer.error)
  return answer.value
}
