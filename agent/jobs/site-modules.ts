import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { ModuleDescription } from '../modules/description.ts'
import { errorText } from '../modules/error-text.ts'
import type { SiteFile } from '../modules/registry.ts'
import { encode } from '../wire/msgpack.ts'
import type { ValueObject } from '../wire/value.ts'
import { openJobProcess } from './job-process.ts'
import type { JobProcess } from './job-process.ts'
import type { ProcessRunner } from './process-runner.ts'
import { describeProgram } from './program-module.ts'
import { codeFiles } from './site-files.ts'

export interface SiteModulesSettings {
  directories: readonly string[]
  runner: ProcessRunner
  clock: Clock
  log: Logger
  environment: Readonly<Record<string, string>>
  /** What `virtual` may look into. */
  places(): { options: ValueObject; grains: ValueObject; pillar: ValueObject }
  /** Longest time that one file may take to load. */
  loadTimeoutMs?: number
}

const defaultLoadTimeoutMs = 10_000
/** In place of a jid in the marker of processes that only load files. */
const markerWord = 'modules'

/**
 * Finds a site's module files (`.ts`, `.js`, `.mjs`), loads each in a job process, and asks programs, to learn what is in it. A file that
 * throws, hangs or brings the process down costs only itself: its reason is kept, and a fresh process goes on with the rest.
 */
export async function scanSiteModules(settings: SiteModulesSettings): Promise<SiteFile[]> {
  const files = await codeFiles(settings.directories, settings.log)
  if (files.length === 0) return []
  const context = encode(settings.places())
  const found: SiteFile[] = []
  const limit = { timeoutMs: settings.loadTimeoutMs ?? defaultLoadTimeoutMs, clock: settings.clock }
  let child: JobProcess | undefined
  try {
    for (const { file, kind, fault } of files) {
      try {
        if (fault !== undefined) throw new Error(fault)
        if (kind === 'program') {
          const start = { marker: markerWord, signal: new AbortController().signal, timeoutMs: limit.timeoutMs }
          found.push({ file, program: true, module: await describeProgram(file, settings, start) })
          continue
        }
        child ??= openJobProcess(settings.runner, markerWord, settings.environment)
        const described = await child.describe(file, context, limit)
        found.push({ file, program: false, module: described as unknown as ModuleDescription })
      } catch (error) {
        settings.log.warn({ file, error: errorText(error) }, 'a module file does not load')
        found.push({ file, error: errorText(error) })
        await child?.end(true)
        child = undefined
      }
    }
  } finally {
    await child?.end(true)
  }
  return found
}
