import { z } from 'zod'

/** Option types for values as Salt's YAML has them. */

/** `None`, `none`: the text by which Salt's samples say that an option is not set. */
export function isNone(value: string | undefined): boolean {
  return value === undefined || value.toLowerCase() === 'none' || value === ''
}

/** The path of a file, or `None`: undefined when not set. */
export function filePath() {
  return z.string().refine((value) => isNone(value) || value.startsWith('/'), { error: 'expected an absolute path' }).optional()
}

const portNumber = z.union([z.int().min(1).max(65_535), z.string().regex(/^\d{1,5}$/, { error: 'expected a port' })], { error: 'expected a port' })

/** A port, which may be written as text: Salt makes a number of it. */
export function port(standard: number) {
  return portNumber.prefault(standard).transform(Number)
}

/** A port whose default depends on other options. */
export function optionalPort() {
  return portNumber.transform(Number).optional()
}

/** Whether the port at the end of an address, if there is one, can be. */
export function portCanBe(address: string): boolean {
  return Number(/:(\d+)$/.exec(address)?.[1] ?? 1) <= 65_535
}

/** Seconds that are waited at most. */
export function seconds(standard: number) {
  return z.number().positive().max(600).default(standard)
}

/** `keep_jobs_seconds` and `archive_jobs` stand at the top of Salt's configuration. */
export const archiveJobs = z.boolean().default(false)
  .describe('Move old jobs into `jids_archive`, `salt_returns_archive` and `salt_events_archive` instead of deleting them. Also read from the top of '
    + 'the configuration, as in Salt.')
