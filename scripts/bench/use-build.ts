import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { packageRoot } from '../../agent/entry-points.ts'

/**
 * Builds, and makes every `brine` that is started from here on run the build: it is measured as it is installed.
 *
 * @throws Error when the build fails, which has said why.
 */
export function useBuild(): void {
  const built = spawnSync(process.execPath, [join(packageRoot, 'scripts/build.ts')], { stdio: ['ignore', 'ignore', 'inherit'] })
  if (built.status !== 0) throw new Error('the build failed')
  process.env['BRINE_DIST'] = '1'
}
