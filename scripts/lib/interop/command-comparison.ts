/** What Salt's commands print of a stock minion and of ours. */
import { rmSync } from 'node:fs'
import type { CommandOutcome } from '../stock-master.ts'
import { COMMAND_LINES, type CommandLine } from './command-lines.ts'
import type { Member, Pair } from './pair.ts'

/** What a command itself says on standard error; the rest is the log of Salt's ws client, which forgets to close its sockets. */
const SAID = /^(ERROR|WARNING|Usage|salt)\b/

/** Runs every command line for both and prints what differs. Gives the number of those that differ. */
export async function compareCommandLines({ master, stock, ours }: Pair, only?: string): Promise<{ run: number; failed: number }> {
  const lines = COMMAND_LINES.filter(({ args }) => only === undefined || args.join(' ').includes(only))
  let failed = 0
  for (const line of lines) {
    const print = async (member: Member): Promise<CommandOutcome> => {
      const { stdout, stderr, code } = await master.outcome(line.command, line.args.map((arg) => arg.replaceAll('{id}', member.id)))
      rmSync(`/tmp/interop-${member.id}`, { force: true })
      return { stdout: neutral(stdout, member, line), stderr: neutral(stderr, member, line).split('\n').filter((each) => SAID.test(each)).join('\n'), code }
    }
    // What a runner prints may tell of the other's command.
    const [of, own] = line.command === 'salt-run' ? [await print(stock), await print(ours)] : await Promise.all([print(stock), print(ours)])
    if (of.stdout === own.stdout && of.stderr === own.stderr && of.code === own.code) continue
    failed += 1
    console.log(`FAIL ${line.command} ${line.args.join(' ')}: exit codes ${of.code} | ${own.code}`)
    if (of.stdout !== own.stdout) console.log(`--- stock\n${of.stdout}--- ours\n${own.stdout}---`)
    if (of.stderr !== own.stderr) console.log(`--- stock's errors\n${of.stderr}--- ours\n${own.stderr}---`)
  }
  console.log(`     ${lines.length} command lines, ${lines.length - failed} print the same of both`)
  return { run: lines.length, failed }
}

/** Without ids, job ids, and what the line says changes with each run. */
function neutral(text: string, { id }: Member, { without }: CommandLine): string {
  // Rulers are as long as what they underline.
  const lines = text.replaceAll(id, '{id}').replaceAll(/\b\d{20}\b/g, '{jid}').replaceAll(/-{10,}|={10,}/g, '---')
  return lines.split('\n').filter((line) => without?.test(line) !== true).join('\n')
}
