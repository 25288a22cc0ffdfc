import { existsSync, readFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { z } from 'zod'
import { OperatorError } from '../contract.ts'
import { errorCode, errorText } from './error-code.ts'

/**
 * Loads the driver of a returner, which a site installs only when it uses that returner.
 *
 * @param load `() => import('pg')`: the import stands where the driver is used, so that its types are known
 * @throws OperatorError with the command that installs it
 */
export async function loadDriver<Driver>(returner: string, name: string, load: () => Promise<Driver>): Promise<Driver> {
  try {
    return await load()
  } catch (error) {
    if (errorCode(error) !== 'ERR_MODULE_NOT_FOUND' || !errorText(error).includes(`'${name}'`)) throw error
    const message = `the returner "${returner}" needs the package "${name}", which is not installed: ${installCommand(name)}`
    throw new OperatorError(message, { cause: error })
  }
}

/** Of a returner's drivers those that are not installed, each with the command that installs it. */
export function missingDrivers(names: readonly string[]): { driver: string; command: string }[] {
  return names.filter((name) => !isInstalled(name)).map((driver) => ({ driver, command: installCommand(driver) }))
}

function isInstalled(name: string): boolean {
  try {
    import.meta.resolve(name)
    return true
  } catch {
    return false
  }
}

/** Beside Brine, wherever that is; without what only its developers need, and without a change to its manifest. */
function installCommand(name: string): string {
  const root = packageRoot(dirname(fileURLToPath(import.meta.url)))
  return `npm install --prefix ${root} --no-save --omit=dev ${name}@"${wantedVersion(root, name)}"`
}

function packageRoot(from: string): string {
  let directory = from
  while (!existsSync(join(directory, 'package.json')) && directory !== dirname(directory)) directory = dirname(directory)
  return directory
}

const manifest = z.object({ peerDependencies: z.record(z.string(), z.string()).default({}) })

function wantedVersion(root: string, name: string): string {
  const parsed = manifest.safeParse(JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')))
  return (parsed.success ? parsed.data.peerDependencies[name] : undefined) ?? 'latest'
}
