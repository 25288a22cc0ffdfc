/** What `brine config check` and the start of the minion tell about the masters of a configuration. */
import type { LoadedConfig } from '../config/load.ts'
import type { Problem } from '../config/problems.ts'
import { requestUrl } from './transport/address.ts'

/** A problem for each master whose address can never be reached, since it is none. */
export function checkMasters({ config, raw, sources }: LoadedConfig): Problem[] {
  return config.master.flatMap((master): Problem[] => {
    try {
      requestUrl({ master, masterPort: config.master_port })
      return []
    } catch (error) {
      const index = Array.isArray(raw['master']) ? raw['master'].findIndex((item) => String(item).trim() === master) : -1
      const source = sources.of(index < 0 ? ['master'] : ['master', String(index)])
      const what = error instanceof Error ? error.message : String(error)
      return [{ severity: 'error', source, option: 'master', what, advice: 'write a host, host:port, or wss://host:port/path' }]
    }
  })
}
