import { z } from '../contract.ts'

export const options = z.strictObject({})

export type Options = z.output<typeof options>
