import type { ReturnerDefinition, ReturnerHandle, TargetFinding } from '../../../returners/contract.ts'
import { checkOptions } from '../../../returners/lib/check-options.ts'
import { sampleContext } from '../../../returners/testing.ts'

/** A signal that never comes. */
export const never: AbortSignal = new AbortController().signal

function checked<Options>(definition: ReturnerDefinition<Options>, options: Record<string, unknown>): Options {
  const result = checkOptions(definition.options, options)
  if (!result.ok) throw new Error(JSON.stringify(result.issues))
  return result.options
}

/** Opens a returner as the agent does, its options checked. */
export async function openReturner<Options>(definition: ReturnerDefinition<Options>, options: Record<string, unknown>): Promise<ReturnerHandle> {
  return definition.open(checked(definition, options), sampleContext())
}

/** Lets a returner look at its target. */
export async function checkReturner<Options>(definition: ReturnerDefinition<Options>, options: Record<string, unknown>, create: boolean): Promise<TargetFinding[]> {
  return (await definition.check?.(checked(definition, options), sampleContext(), { create })) ?? []
}
