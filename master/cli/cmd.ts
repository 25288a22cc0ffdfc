import type { Argv, CommandModule } from 'yargs'
import { systemClock } from '../../agent/clock.ts'
import { render } from '../../agent/outputters/index.ts'
import { plain } from '../../agent/outputters/nested.ts'
import type { Value } from '../../agent/wire/value.ts'
import { yaml } from '../../agent/outputters/yaml.ts'
import { masterSchema } from '../../config/master-schema.ts'
import { type MasterSettings, localSocketPath } from '../settings.ts'
import { batchSize } from './batch.ts'
import { type CmdArgs, withCmdOptions } from './cmd-options.ts'
import { makeRequest, targetOf } from './cmd-request.ts'
import { type CmdSession, drawSubset, matching, runAtOnce, runInBatches } from './cmd-run.ts'
import { openOutputFile } from './output-file.ts'
import { clientSettingsOf, paletteOf, run, UsageError } from './options.ts'
import { EXIT, exitCodeOf, makeReturnPrinter } from './print-returns.ts'
import { summaryText } from './summary.ts'

/** `brine cmd TARGET FUNCTION [ARGUMENTS…]`: what `salt` does. */
export const command: CommandModule = {
  command: 'cmd [target] [function] [arguments..]',
  describe: 'Run a function on minions through the master on this host',
  builder: (yargs: Argv) => withCmdOptions(yargs),
  handler: (args) => run(() => runCommand(args as unknown as CmdArgs)),
}

const say = (text: string) => void process.stdout.write(text)
const complain = (text: string) => void process.stderr.write(text)

async function runCommand(args: CmdArgs): Promise<number> {
  const settings = clientSettingsOf(args)
  if (args.configDump === true) return dumpConfig(settings)
  const path = localSocketPath(settings)
  const target = targetOf(args)
  if (args.previewTarget === true) return preview(args, await matching(path, target))
  checkNumbers(args)
  const request = makeRequest(args)
  for (const [name, value] of [['--state-output', args.stateOutput], ['--state-verbose', args.stateVerbose]]) {
    if (value !== undefined) complain(`brine: ${name} has no effect: these minions run no states\n`)
  }
  const session: CmdSession = { path, request, args, printer: printerOf(args, request.fun === 'sys.doc'), say, complain, clock: systemClock }
  if (args.subset !== undefined) {
    const drawn = await drawSubset(session, args.subset)
    if (drawn.length === 0) return nobodyMatched()
    session.request = { ...request, tgt: drawn, tgt_type: 'list' }
  }
  const batch = await batchOf(session)
  return batch === undefined ? showOne(session) : showBatches(session, batch)
}

/** The size of batches, if it is to run in batches. */
async function batchOf({ path, request, args }: CmdSession): Promise<string | undefined> {
  if (args.batch !== undefined) return args.batch
  const limit = args.batchSafeLimit ?? 0
  if (limit <= 1 || (await matching(path, request)).length < limit) return undefined
  say('\nNOTICE: Too many minions targeted, switching to batch execution.\n')
  return args.batchSafeSize
}

async function showOne(session: CmdSession): Promise<number> {
  const { args, printer, request } = session
  const outcome = await runAtOnce(session)
  if (outcome === 'nobody') return nobodyMatched()
  if (outcome === 'published') return EXIT.ok
  printer.flush()
  const isSummed = args.progress === true || (args.summary === true && args.out === undefined)
  if (isSummed && request.fun !== 'sys.doc') say(summaryText(printer.tally, args.verbose === true))
  return exitCodeOf(printer.tally, complain)
}

async function showBatches(session: CmdSession, batch: string): Promise<number> {
  const { args, printer } = session
  const outcome = await runInBatches(session, batch)
  if (outcome === 'nobody') return nobodyMatched()
  printer.flush()
  if (args.summary === true && args.out === undefined) say(summaryText(printer.tally, args.verbose === true))
  const { retcode } = printer.tally
  // A process's exit code has eight bits: 256 must not look like success.
  return retcode === 0 ? EXIT.ok : retcode & 0xff || EXIT.failed
}

function printerOf(args: CmdArgs, isDoc: boolean) {
  const toFile = args.outFile === undefined ? undefined : openOutputFile(args.outFile, args.outFileAppend === true)
  return makeReturnPrinter({
    out: args.out,
    indent: args.outIndent,
    together: args.static === true,
    hidden: args.progress === true && args.batch === undefined && !isDoc,
    docs: isDoc && args.out === undefined,
    showMissing: args.hideTimeout !== true,
    palette: toFile === undefined ? paletteOf(args) : plain,
    stdout: toFile ?? say,
    stderr: complain,
  })
}

function preview(args: CmdArgs, ids: string[]): number {
  const text = render(ids, { wanted: args.out, indent: args.outIndent, palette: paletteOf(args) })
  if (text !== '') say(`${text}\n`)
  if (ids.length > 0) return EXIT.ok
  complain('ERROR: No return received\n')
  return EXIT.nothing
}

function nobodyMatched(): number {
  say('No minions matched the target. No command was sent, no jid was assigned.\n')
  complain('ERROR: No return received\n')
  return EXIT.nothing
}

/** The options in force, without what returners are given. */
function dumpConfig(settings: MasterSettings): number {
  const known = Object.keys(masterSchema.shape)
  const options = Object.fromEntries(Object.entries(settings).filter(([name, value]) => known.includes(name) && value !== undefined))
  say(`${yaml(JSON.parse(JSON.stringify(options)) as Value)}\n`)
  return EXIT.ok
}

/** @throws UsageError before anything is asked of the master */
function checkNumbers({ batch, batchSafeSize, batchWait, async: isAsync, subset }: CmdArgs): void {
  for (const size of [batch, batchSafeSize]) {
    if (size !== undefined && batchSize(size, 100) === null) {
      throw new UsageError(`Invalid batch data sent: ${size}\nData must be in the form of %10, 10% or 3`)
    }
  }
  if (batch !== undefined && isAsync === true) throw new UsageError('--async does not wait, and batches must: name one of --async and --batch')
  if (batchWait !== undefined && !(batchWait >= 0)) throw new UsageError('--batch-wait is not a number of seconds')
  if (subset !== undefined && !(Number.isInteger(subset) && subset > 0)) throw new UsageError('--subset is not a positive whole number')
}
