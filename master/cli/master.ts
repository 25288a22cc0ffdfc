import type { Argv, CommandModule } from 'yargs'
import { systemClock } from '../../agent/clock.ts'
import { createLogger } from '../../agent/pino-log.ts'
import { LOG_LEVELS } from '../../config/option-types.ts'
import { formatProblem } from '../../config/problems.ts'
import { refuseOtherUser } from '../../config/run-user.ts'
import { createMaster } from '../master.ts'
import type { MasterSettings } from '../settings.ts'
import { mayColour } from '../../agent/outputters/palette.ts'
import { run, settingsOf, withConfigDir } from './options.ts'

interface Args {
  configDir?: string
  logLevel?: MasterSettings['log_level']
}

/** `brine master`: runs until SIGTERM or SIGINT. */
export const command: CommandModule = {
  command: 'master',
  describe: 'Run the master',
  builder: (yargs: Argv) =>
    withConfigDir(yargs)
      .option('log-level', { alias: ['l', 'log_level'], type: 'string', choices: LOG_LEVELS, describe: 'What to log to standard error' })
      .example('$0 master -c ./etc -l info', 'try it out in a directory of your own'),
  handler: (args) => run(() => runMaster(args as unknown as Args)),
}

async function runMaster(args: Args): Promise<number> {
  const settings = settingsOf(args, { log_level: args.logLevel })
  refuseOtherUser(settings.user, settings.userSource)
  const output = openLog(settings)
  const { log } = output
  for (const problem of settings.problems) log.warn({ problem: formatProblem(problem) }, 'The configuration has a problem')
  const master = createMaster(settings, { log, clock: systemClock })
  await master.start()
  process.stdout.write(`brine master: publishing on ${master.ports.publish}, answering on ${master.ports.request}\n`)
  await new Promise<void>((done) => {
    process.once('SIGTERM', done)
    process.once('SIGINT', done)
  })
  log.info({}, 'the master stops')
  await master.stop()
  output.close()
  return 0
}

function openLog({ log_level: level, log_file: path, log_level_logfile: fileLevel }: MasterSettings) {
  return createLogger({
    level,
    ...(path === undefined ? {} : { file: { path, level: fileLevel ?? level } }),
    format: 'auto',
    output: process.stderr.fd,
    isTerminal: process.stderr.isTTY,
    colour: mayColour(process.stderr, process.env),
    journal: process.env['JOURNAL_STREAM'] !== undefined,
    // Logging goes on without an output that fails; there is nowhere left to say so.
    onError: () => {},
  })
}
