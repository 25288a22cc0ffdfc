import type { ProgramPlan } from '../lib/program.ts'
import type { Options } from './options.ts'

/**
 * The site's program, whichever way it is talked to.
 *
 * @param variables what it gets besides the site's `env`
 */
export function planOf({ command, cwd, env }: Options, variables: Readonly<Record<string, string>>): ProgramPlan {
  const own: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) own[name] = value.reveal()
  return { command, cwd, env: { ...own, ...variables } }
}
