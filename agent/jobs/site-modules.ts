import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Clock } from '../clock.ts'
import type { Logger } from '../log.ts'
import type { ModuleDescription } from '../modules/description.ts'
import { errorCode, errorText } from '../modules/error-text.ts'
import type { SiteFile } from '../modules/registry.ts'
import { encode } from '../wire/msgpack.ts'
import type { ValueObject } from '../wire/value.ts'
import { siteFileFault } from '../site-file.ts'
import { openJobProcess } from './job-process.ts'
import type { JobProcess } from './job-process.ts'
import type { ProcessRunner } from './process-runner.ts'

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
 * Finds a site's module files (`.ts`, `.js`, `.mjs`) and loads each in a job process, to learn what is in it. A file that
 * throws, hangs or brings the process down costs only itself: its reason is kept, and a fresh process goes on with the rest.
 */
export async function scanSiteModules(settings: SiteModulesSettings): Promise<SiteFile[]> {
  const files = await moduleFiles(settings)
  if (files.length === 0) return []
  const context = encode(settings.places())
  const found: SiteFile[] = []
  let child: JobProcess | undefined
  try {
    for (const file of files) {
      const fault = siteFileFault(file)
      if (fault !== undefined) {
        settings.log.warn({ file, error: fault }, 'a module file is not loaded')
        found.push({ file, error: fault })
        continue
      }
      child ??= openJobProcess(settings.runner, markerWord, settings.environment)
      try {
        const limit = { timeoutMs: settings.loadTimeoutMs ?? defaultLoadTimeoutMs, clock: settings.clock }
        const described = await child.describe(file, context, limit)
        found.push({ file, module: described as unknown as ModuleDescription })
      } catch (error) {
        settings.log.warn({ file, error: errorText(error) }, 'a module file does not load')
        found.push({ file, error: errorText(error) })
        await child.end(true)
        child = undefined
      }
    }
  } finally {
    await child?.end(true)
  }
  return found
}

async function moduleFiles(settings: SiteModulesSettings): Promise<string[]> {
  const files: string[] = []
  for (const directory of settings.directories) {
    for (const name of (await namesIn(directory, settings.log)).toSorted()) {
      if (/^[a-zA-Z0-9][a-zA-Z0-9_.-]*\.(?:ts|js|mjs)$/.test(name) && !name.endsWith('.d.ts')) files.push(join(directory, name))
    }
  }
  return files
}

async function namesIn(directory: string, log: Logger): Promise<string[]> {
  try {
    return await readdir(directory)
  } catch (error) {
    if (errorCode(error) !== 'ENOENT') log.warn({ directory, error: errorText(error) }, 'a module directory cannot be read')
    return []
  }
}
