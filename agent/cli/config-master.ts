/** `--master` of the commands about a configuration: the embedded master's instead of the minion's. */
import type { Argv } from 'yargs'
import { configDirectory } from '../../config/load.ts'
import { type LoadedMaster, loadMasterConfig } from '../../config/load-master.ts'
import { masterSchema } from '../../config/master-schema.ts'
import { minionSchema } from '../../config/schema.ts'
import type { OptionSchema } from '../../config/validate.ts'
import { findSources } from '../returner-host/sources.ts'
import { configFlags, type GivenConfig } from './options.ts'

export interface MasterFlag {
  master: boolean
}

/** Adds `--master`. */
export function withMasterFlag<T>(yargs: Argv<T>): Argv<T & MasterFlag> {
  return yargs.option('master', { type: 'boolean', default: false, describe: "The embedded master's options instead of the minion's" })
}

/** The master's configuration that the arguments name. @throws ConfigError */
export function loadMasterFor(args: GivenConfig): LoadedMaster {
  const request = configFlags(args)
  const returnerNames = findSources({ directories: [], packages: {}, packageBase: '/' }).keys()
  return loadMasterConfig({ directory: configDirectory(request), flags: request.flags, returnerNames })
}

/** The options that `--master` chooses. */
export function schemaOf({ master }: MasterFlag): OptionSchema {
  return master ? masterSchema : minionSchema
}
