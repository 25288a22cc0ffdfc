/** One process for each return: the return on its standard input, its exit code the answer. */
import { OperatorError, PartialError, PermanentError, type ReturnerContext, type ReturnerHandle, type ReturnItem } from '../contract.ts'
import { errorText } from '../lib/error-code.ts'
import { killGroup, type Program, runProgram } from '../lib/program.ts'
import type { Options } from './options.ts'
import { planOf } from './program.ts'

/** sysexits.h EX_DATAERR: this return can never be stored. EX_NOPERM and EX_CONFIG: someone must act. */
const exitNever = 65
const exitOperator = new Set([77, 78])

/** Runs the program for one return after the other. */
export function openOneShot(settings: Options, context: ReturnerContext): ReturnerHandle {
  const running = new Set<Program>()
  return {
    async returner(items, signal) {
      const stored: string[] = []
      const rejected: { key: string; error: string }[] = []
      try {
        for (const item of items) {
          const refusal = await runFor(item, settings, context, running, signal)
          if (refusal === null) stored.push(item.key)
          else rejected.push({ key: item.key, error: refusal })
        }
      } catch (error) {
        if (stored.length + rejected.length === 0) throw error
        throw new PartialError(errorText(error), { stored, rejected }, { cause: error })
      }
      const [first] = rejected
      if (first === undefined) return
      throw items.length === 1 ? new PermanentError(first.error) : new PartialError(first.error, { stored, rejected })
    },
    async close() {
      for (const program of running) killGroup(program)
    },
  }
}

/** Null when the return is stored, why when it can never be. Throws for everything else. */
async function runFor(
  item: ReturnItem, settings: Options, context: ReturnerContext, running: Set<Program>, signal: AbortSignal,
): Promise<string | null> {
  const variables = { BRINE_KEY: withoutNul(item.key), BRINE_JID: withoutNul(item.ret.jid), BRINE_MINION_ID: context.minionId }
  const { exitCode, text } = await runProgram(planOf(settings, variables), { input: item.json, timeout: settings.timeout, signal, running })
  if (exitCode === 0) return null
  if (exitCode === exitNever) return text
  throw exitCode !== null && exitOperator.has(exitCode) ? new OperatorError(text) : new Error(text)
}

/** An environment cannot hold NUL, and keys are made of other people's text. */
function withoutNul(text: string): string {
  return text.replaceAll('\0', '')
}

