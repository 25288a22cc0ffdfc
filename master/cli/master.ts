import type { Argv, CommandModule } from 'yargs'
import { systemClock } from '../../agent/clock.ts'
import { createMaster } from '../master.ts'
import { makeMasterLog } from './log.ts'
import { run, settingsOf, withConfigDir } from './options.ts'

const levels = ['quiet', 'critical', 'error', 'warning', 'info', 'debug', 'trace', 'all', 'garbage', 'profile'] as const

interface Args {
  configDir?: string
  logLevel?: string
}

/** `brine master`: runs until SIGTERM or SIGINT. */
export const command: CommandModule = {
  command: 'master',
  describe: 'Run the master',
  builder: (yargs: Argv) =>
    withConfigDir(yargs).option('log-level', { alias: ['l', 'log_level'], type: 'string', choices: levels, describe: 'What to log to standard error' }),
  handler: (args) => run(() => runMaster(args as unknown as Args)),
}

async function runMaster(args: Args): Promise<number> {
  const settings = settingsOf(args)
  const log = makeMasterLog(args.logLevel ?? settings.log_level)
  for (const option of settings.unused) log.warn({ option }, 'this option is not used here')
  const master = createMaster(settings, { log, clock: systemClock })
  await master.start()
  process.stdout.write(`brine master: publishing on ${master.ports.publish}, answering on ${master.ports.request}\n`)
  await new Promise<void>((done) => {
    process.once('SIGTERM', done)
    process.once('SIGINT', done)
  })
  log.info({}, 'the master stops')
  await master.stop()
  return 0
}
