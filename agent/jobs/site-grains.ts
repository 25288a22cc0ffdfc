/** A site's own grains: files (`.ts`, `.js`, `.mjs`) and programs of `grains_dirs`, each in a process that is ended when it takes too long. */
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { FileFailure } from '../modules/description.ts'
import { errorText } from '../modules/error-text.ts'
import { encode } from '../wire/msgpack.ts'
import type { ValueObject } from '../wire/value.ts'
import { openJobProcess } from './job-process.ts'
import { programGrains } from './program-module.ts'
import type { ProgramSettings } from './program-module.ts'
import { codeFiles } from './site-files.ts'
import type { CodeFile } from './site-files.ts'

export interface SiteGrainsSettings extends ProgramSettings {
  directories: readonly string[]
  minionId: string
  options: ValueObject
  clock: Clock
  log: Logger
  /** Longest time one file may take, milliseconds. */
  deadlineMs?: number
}

export interface SiteGrains {
  /** Collects them; a later file wins. `known`: the grains so far, which files may look at. What fails costs only itself, and is what it was before. */
  collect(known: ValueObject, signal: AbortSignal): Promise<ValueObject>
  /** What went wrong the last time. */
  failures(): FileFailure[]
}

const defaultDeadlineMs = 5000
/** In place of a jid in the marker of its processes. */
const markerWord = 'grains'
const atATime = 4

/** Collects nothing until it is asked. */
export function createSiteGrains(settings: SiteGrainsSettings): SiteGrains {
  const { log } = settings
  let failed: FileFailure[] = []
  /** What each file gave last: a host that is busy for a moment must not drop out of what its masters target. */
  let last = new Map<string, ValueObject>()

  async function collectOne(code: CodeFile, known: ValueObject, signal: AbortSignal): Promise<ValueObject> {
    if (code.fault !== undefined) throw new Error(code.fault)
    const timeoutMs = settings.deadlineMs ?? defaultDeadlineMs
    if (code.kind === 'program') return programGrains(code.file, settings, { marker: markerWord, signal, timeoutMs })
    const child = openJobProcess(settings.runner, markerWord, settings.environment)
    const end = () => void child.end(true)
    signal.addEventListener('abort', end, { once: true })
    try {
      const context = encode({ grains: known, options: settings.options, minionId: settings.minionId })
      return await child.grains(code.file, context, { timeoutMs, clock: settings.clock })
    } finally {
      signal.removeEventListener('abort', end)
      await child.end(true)
    }
  }

  return {
    failures: () => failed,
    async collect(known, signal) {
      const files = await codeFiles(settings.directories, log)
      const failures: FileFailure[] = []
      const grains: ValueObject[] = files.map(() => ({}))
      const waiting = [...files.entries()]
      const work = async () => {
        for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) {
          const [at, code] = next
          try {
            grains[at] = await collectOne(code, known, signal)
          } catch (error) {
            failures.push({ file: code.file, error: errorText(error) })
            log.warn({ file: code.file, error: errorText(error) }, 'a grains file gave nothing')
            grains[at] = last.get(code.file) ?? {}
          }
        }
      }
      await Promise.all(Array.from({ length: atATime }, work))
      failed = failures
      last = new Map(files.map(({ file }, at) => [file, grains[at] ?? {}]))
      return Object.assign({}, ...grains) as ValueObject
    },
  }
}
