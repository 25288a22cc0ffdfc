import type { ModuleContext } from './contract.ts'

/** The file server's environment: the one that is named, else the option `saltenv`, else base. */
export function environmentOf(context: Pick<ModuleContext, 'config'>, given: string | null): string {
  if (given !== null && given !== '') return given
  const configured = context.config('saltenv')
  return typeof configured === 'string' && configured !== '' ? configured : 'base'
}
