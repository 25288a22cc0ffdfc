import { writeSync } from 'node:fs'
import { isatty } from 'node:tty'
import type { CommandModule } from 'yargs'
import type { LoadedConfig } from '../../config/load.ts'
import { writeMinionId } from '../../config/minion-id.ts'
import { formatProblem } from '../../config/problems.ts'
import { refuseOtherUser } from '../../config/run-user.ts'
import type { Logger } from '../log.ts'
import { createLogger, type LogOutput } from '../pino-log.ts'
import { checkMasters } from '../check-masters.ts'
import { checkReturners } from '../returner-host/check-config.ts'
import { withReturnerSecrets } from '../returner-host/secret-paths.ts'
import { EXIT } from './exit-codes.ts'
import { describeFailure, showsStacks } from './failure.ts'
import { type ConfigArguments, loadFor, withConfig } from './options.ts'

interface MinionArguments extends ConfigArguments {
  'log-level': string | undefined
  'log-file': string | undefined
  id: string | undefined
  master: string | undefined
}

/** What the composition root gives: the minion as one thing that starts and stops. */
interface Minion {
  start(): Promise<void>
  stop(options?: { now?: boolean }): Promise<void>
}

/** `brine minion`: runs the minion in the foreground. */
export const command: CommandModule<unknown, MinionArguments> = {
  command: 'minion',
  describe: 'Run the minion',
  builder: (yargs) =>
    withConfig(yargs)
      .option('log-level', { alias: ['l', 'log_level'], type: 'string', requiresArg: true, describe: 'Level of the terminal or journal' })
      .option('log-file', { alias: 'log_file', type: 'string', requiresArg: true, describe: 'Log file' })
      .option('id', { type: 'string', requiresArg: true, describe: "The minion's id" })
      .option('master', { type: 'string', requiresArg: true, describe: 'The master, host or host:port' })
      .example('$0 minion -c ./etc --root-dir ./root -l info', 'try it out in a directory of your own'),
  async handler(args) {
    const loaded = await loadFor(args, { log_level: args.logLevel, log_file: args.logFile, id: args.id, master: args.master })
    refuseOtherUser(loaded.config.user, loaded.sources.of(['user']))
    const output = openLog(loaded)
    keepMinionId(loaded)
    await tellProblems(loaded, output.log)
    const { createMinion } = await import('../minion.ts')
    process.exitCode = await runMinion(createMinion(await withReturnerSecrets(loaded), output.log), output, showsStacks(loaded.config.log_level))
    output.close()
    // Nothing may hold the process after a clean stop.
    process.exit()
  },
}

/**
 * Runs until a signal ends it: the first SIGTERM or SIGINT lets running jobs finish, a second one ends them. SIGHUP opens the log
 * file again.
 *
 * @param stacks whether the log shows where a failure to start happened, also where a person can mend it
 * @returns the exit code
 */
async function runMinion(minion: Minion, { log, reopen }: Pick<LogOutput, 'log' | 'reopen'>, stacks: boolean): Promise<number> {
  const ended = new Promise<void>((resolve, reject) => {
    let signals = 0
    const stop = (signal: NodeJS.Signals): void => {
      signals += 1
      if (signals > 2) return
      log.info({ signal }, signals === 1 ? 'Stopping: running jobs may finish' : 'Stopping now')
      minion.stop(signals === 1 ? {} : { now: true }).then(resolve, reject)
    }
    process.on('SIGTERM', stop)
    process.on('SIGINT', stop)
    process.on('SIGHUP', () => {
      reopen()
      log.info({}, 'The log file was opened again')
    })
  })
  try {
    await minion.start()
    await ended
    return EXIT.ok
  } catch (error) {
    const failure = describeFailure(error, EXIT.unavailable)
    log.error(failure.isOurs || stacks ? { err: error } : { reason: failure.text }, 'The minion cannot run')
    await minion.stop({ now: true }).catch((fault: unknown) => log.error({ err: fault }, 'The minion could not stop cleanly'))
    return failure.exitCode
  }
}

/** Faults of returners or of one master do not stop the minion: what it cannot deliver waits in the store until they are mended. */
async function tellProblems(loaded: LoadedConfig, log: Logger): Promise<void> {
  const problems = [...loaded.problems, ...checkMasters(loaded), ...(await checkReturners(loaded, process.env))]
  for (const problem of problems) log.warn({ problem: formatProblem(problem) }, 'The configuration has a problem')
}

/** An id made from the host's name stays when the host is renamed. */
function keepMinionId({ config, sources }: LoadedConfig): void {
  if (sources.id === 'hostname' && config.minion_id_caching) writeMinionId(config.conf_dir, config.id)
}

function openLog({ config }: LoadedConfig): LogOutput {
  return createLogger({
    level: config.log_level,
    file: { path: config.log_file, level: config.log_level_logfile ?? config.log_level },
    format: config.log_format,
    output: 2,
    isTerminal: isatty(2),
    colour: isatty(2) && (process.env['NO_COLOR'] ?? '') === '',
    journal: process.env['JOURNAL_STREAM'] !== undefined,
    onError: tellOfLog,
  })
}

/** Standard error may be what cannot be written: as a stream of Node it would end the process for that. */
function tellOfLog(error: Error): void {
  try {
    writeSync(2, `brine: a log cannot be written: ${error.message}\n`)
  } catch {
    // Nowhere is left to say it.
  }
}
