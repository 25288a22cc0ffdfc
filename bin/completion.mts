/** `brine completion`: what a shell needs to complete the command line. */
import type { CommandModule } from 'yargs'
import { candidates } from './candidates.mts'
import { SHELL_SCRIPTS } from './shell-scripts.mts'

type Shell = keyof typeof SHELL_SCRIPTS

/** `brine completion SHELL` prints a script to be sourced, which asks `brine completion words` at every TAB. */
export const command: CommandModule = {
  command: 'completion',
  describe: 'Print the script that makes a shell complete this command',
  builder: (yargs) =>
    yargs
      .command(scriptCommand('bash', 'source <(brine completion bash)', 'in ~/.bashrc'))
      .command(scriptCommand('zsh', 'source <(brine completion zsh)', 'in ~/.zshrc, behind compinit'))
      .command(scriptCommand('fish', 'brine completion fish > ~/.config/fish/completions/brine.fish', 'once'))
      .command(wordsCommand)
      .demandCommand(1, 'Name the shell: bash, zsh or fish.')
      .example('source <(brine completion bash)', 'in ~/.bashrc'),
  handler() {},
}

function scriptCommand(shell: Shell, example: string, where: string): CommandModule {
  return {
    command: shell,
    describe: `The script for ${shell}`,
    builder: (yargs) => yargs.example(example, where),
    handler: () => {
      process.stdout.write(SHELL_SCRIPTS[shell])
    },
  }
}

/** Hidden: one candidate a line, with a tab and what it is. Whatever goes wrong, a terminal in use must not be written to. */
const wordsCommand: CommandModule = {
  command: 'words',
  describe: false,
  async handler() {
    // As they were given: the parser would take some of them for its own.
    const words = process.argv.slice(process.argv.indexOf('--') + 1)
    const found = await candidates(words).catch(() => [])
    for (const { word, description } of found) console.log(description === '' ? word : `${word}\t${description}`)
    process.exit()
  },
}
