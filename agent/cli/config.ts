import type { Argv, CommandModule } from 'yargs'
import { jsonSchemaOf, optionRows } from '../../config/option-rows.ts'
import { sampleYaml } from '../../config/sample.ts'
import { checkCommand } from './config-check.ts'
import { type MasterFlag, schemaOf, withMasterFlag } from './config-master.ts'
import { showCommand } from './config-show.ts'

/** `brine config`: is the configuration right, what is in force, and what could be set. */
export const command: CommandModule = {
  command: 'config',
  describe: 'Check, show or write the configuration',
  builder: (yargs) =>
    yargs
      .command(checkCommand)
      .command(showCommand)
      .command(sampleCommand)
      .command(schemaCommand)
      .demandCommand(1, 'Say what to do: check, show, sample or schema.')
      .example('$0 config check --strict', 'every problem with file, line and column')
      .example('$0 config show outbox', 'what is in force of one map, and where it comes from')
      .example('$0 config sample > minion', 'a file to begin with'),
  handler() {},
}

const sampleCommand: CommandModule<unknown, MasterFlag> = {
  command: 'sample',
  describe: 'Print every option with its default, as comments',
  builder: (yargs: Argv) =>
    withMasterFlag(yargs)
      .example('$0 config sample > /etc/brine/minion', 'a file to begin with')
      .example("$0 config sample | sed 's/^#//'", 'the same with every option set'),
  handler(args) {
    const who = args.master ? "Brine's master" : "Brine's minion"
    const file = args.master ? 'master' : 'minion'
    const title = [
      `The options of ${who}, each with its default: take the # in front of one away to set it.`,
      `brine config check${args.master ? ' --master' : ''} tells what is wrong in the file ${file} and in ${file}.d/*.conf.`,
    ]
    process.stdout.write(sampleYaml(optionRows(schemaOf(args)), title))
  },
}

const schemaCommand: CommandModule<unknown, MasterFlag> = {
  command: 'schema',
  describe: 'Print the JSON Schema of the file, for editors',
  builder: (yargs: Argv) =>
    withMasterFlag(yargs).example('$0 config schema > minion.schema.json', 'then begin the file with # yaml-language-server: $schema=minion.schema.json'),
  handler(args) {
    console.log(JSON.stringify(jsonSchemaOf(schemaOf(args), args.master ? 'Brine master' : 'Brine minion'), null, 2))
  },
}
