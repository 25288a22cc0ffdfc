/** The options of a pillar compiled from files: the embedded master's, and a minion's that has no master. */
import { z } from 'zod'
import { flag, oneOf, path, text } from './option-types.ts'

/** Each of them, with Salt's names. */
export function pillarOptions() {
  return {
    pillar_roots: z
      .record(text(), z.union([path().transform((one) => [one]), z.array(path())], { error: 'expected a list of absolute paths' }), {
        error: 'expected a map of environments, each with a list of directories',
      })
      .prefault({ base: ['/srv/pillar'] })
      .describe('Directories of the pillar: environment → list'),
    state_top: text()
      .transform((name) => name.replace(/^(?:salt:\/)?\/+/, ''))
      .refine((name) => name !== '' && !name.split('/').includes('..'), { error: 'is not the name of a file in pillar_roots' })
      .prefault('top.sls')
      .describe('The top file of each environment'),
    pillar_source_merging_strategy: oneOf('smart', 'recurse', 'overwrite', 'none').default('smart').describe('How pillar files are merged'),
    pillar_merge_lists: flag().default(false).describe('Join lists of the same key, also with `pillar.get merge=True`'),
    pillar_includes_override_sls: flag().default(false).describe('What is included counts more than the file that includes it'),
  }
}
