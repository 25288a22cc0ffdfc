import { type CommandNode, commandTree, helpOf } from '../../bin/command-tree.mts'
import { GENERATED } from './markdown.ts'

const WIDTH = 80

/** docs/cli.md: what `--help` prints of every command. */
export async function cliPage(): Promise<string> {
  const nodes = (await commandTree()).flatMap(flatten)
  const parts: string[] = []
  for (const { path } of nodes) {
    const name = ['brine', ...path].join(' ')
    parts.push(`${path.length === 1 ? '##' : '###'} ${name}`, block(await helpOf(path, WIDTH)))
  }
  return [
    '# The command line',
    GENERATED,
    `Exit codes: 0 done, 1 it failed or found something wrong, 64 the command line makes no sense, 69 what is needed is not there (an agent, a master), 70 a fault of the
program, 77 not allowed, 78 a wrong configuration. Commands with \`--json\` print exact values for programs;
\`brine completion\` makes a shell complete all of this.`,
    block(await helpOf([], WIDTH)),
    ...parts,
    '',
  ].join('\n\n')
}

function flatten(node: CommandNode): CommandNode[] {
  return [node, ...node.commands.flatMap(flatten)]
}

function block(text: string): string {
  return `\`\`\`\n${text.trimEnd()}\n\`\`\``
}
