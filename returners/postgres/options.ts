import { z } from '../contract.ts'
import { pgOptions, pgPassword } from '../lib/pg/options.ts'

const { host, port, user, ...others } = pgOptions

export const options = z.strictObject({ host, port, user, passwd: pgPassword(), ...others })

export type Options = z.output<typeof options>
