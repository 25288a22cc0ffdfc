import { execFile } from 'node:child_process'
import { delimiter, join } from 'node:path'
import { promisify } from 'node:util'
import { packageRoot } from '../../../agent/entry-points.ts'

/** Why Salt's own modules cannot be run; undefined when they can. */
export const saltMissing: string | undefined = process.env['BRINE_SALT_TREE'] === undefined ? 'no source tree of Salt was given: -- --salt DIR' : undefined

/** Calls functions of one of Salt's returner modules, one after the other, in one process of its own. */
export async function callSalt(module: string, options: Record<string, unknown>, calls: [name: string, args: unknown[]][]): Promise<unknown[]> {
  const env = { ...process.env, PYTHONPATH: [process.env['BRINE_SALT_TREE'], process.env['PYTHONPATH']].filter(Boolean).join(delimiter) }
  const script = join(packageRoot, 'test', 'servers', 'lib', 'salt-module.py')
  const { stdout } = await promisify(execFile)(process.env['BRINE_SALT_PYTHON'] ?? 'python3', [script, JSON.stringify({ module, options, calls })], { env, maxBuffer: 64 * 1024 * 1024 })
  return JSON.parse(stdout) as unknown[]
}
