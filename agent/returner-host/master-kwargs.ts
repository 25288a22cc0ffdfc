import type { Description } from './definition.ts'

/**
 * Why a master may not set these options in `ret_kwargs`; undefined when it may. What a returner does not name as harmless is refused:
 * a new option must not become a way to lead returns, or the agent's credentials, elsewhere.
 *
 * @param allowed the option `master_ret_kwargs`: `returner.option`, `returner.*` or `*`
 */
export function refuseMasterKwargs(description: Description, retKwargs: Readonly<Record<string, unknown>>, allowed: readonly string[]): string | undefined {
  const { name, masterMaySet } = description
  const isAllowed = (option: string) => masterMaySet.includes(option) || ['*', `${name}.*`, `${name}.${option}`].some((pattern) => allowed.includes(pattern))
  const refused = Object.keys(retKwargs).filter((option) => !isAllowed(option)).map((option) => `${name}.${option.slice(0, 64)}`)
  if (refused.length === 0) return undefined
  return `a master may not set ${refused.slice(0, 5).join(', ')} in ret_kwargs: the minion's option master_ret_kwargs does not name it`
}
