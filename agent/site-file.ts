import { statSync } from 'node:fs'
import { dirname } from 'node:path'

/** Why a site's file of code must not be loaded; undefined when it may. Whoever can write the file, or put another in its place, runs code as the agent. */
export function siteFileFault(path: string): string | undefined {
  return permissionFault(dirname(path)) ?? permissionFault(path)
}

function permissionFault(path: string): string | undefined {
  try {
    const stat = statSync(path)
    const sticky = (stat.mode & 0o1000) !== 0 && stat.isDirectory()
    return (stat.mode & 0o002) !== 0 && !sticky ? `${path} is writable by everybody` : undefined
  } catch (error) {
    return error instanceof Error ? error.message : String(error)
  }
}
