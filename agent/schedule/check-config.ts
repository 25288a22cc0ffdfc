/** What `brine config check` and the start of the minion tell about the schedule of a configuration. */
import type { LoadedConfig } from '../../config/load.ts'
import type { Problem } from '../../config/problems.ts'
import { isObject, type ValueObject } from '../wire/value.ts'
import { itemProblem } from './control.ts'
import { GLOBAL_KEYS } from './item.ts'
import { plainMap } from './source.ts'

/** Items that the schedule will ignore, each with the reason. Warnings: one bad item stops neither the others nor the minion, as in Salt. */
export function checkSchedule({ config, sources }: LoadedConfig): Problem[] {
  return Object.entries(plainMap(config.schedule as ValueObject)).flatMap(([name, item]): Problem[] => {
    if (GLOBAL_KEYS.includes(name)) return []
    const what = isObject(item) ? itemProblem(name, item) : 'is not a map'
    if (what === undefined) return []
    return [{ severity: 'warning', source: sources.of(['schedule', name]), option: `schedule.${name}`, what: `this job will be ignored: ${what}` }]
  })
}
