/** The options of a file server: the embedded master's, and a minion's with `file_client: local`. */
import { z } from 'zod'
import { count, flag, path, text } from './option-types.ts'

/** Each of them, with Salt's names. `bufferBytes`: the default of `file_buffer_size`, which Salt has different on either side. */
export function fileServerOptions(bufferBytes: number) {
  return {
    file_roots: z
      .record(text(), z.union([path().transform((one) => [one]), z.array(path())], { error: 'expected a list of absolute paths' }), {
        error: 'expected a map of environments, each with a list of directories',
      })
      .prefault({ base: ['/srv/salt'] })
      .describe('Environment → directories that salt:// serves; a later one only what the earlier do not have'),
    file_ignore_glob: globList().describe('Paths that are not served'),
    file_ignore_regex: globList().describe('Paths that are not served, as regular expressions found anywhere in them'),
    // With the rest of a request it must stay below the 4 MiB of the ws transport.
    file_buffer_size: count(1024, 3_145_728).default(bufferBytes).describe('Bytes of a file in one message'),
    fileserver_followsymlinks: flag().default(true).describe('Serve through symbolic links that lead out of the directories'),
    fileserver_ignoresymlinks: flag().default(false).describe('Leave symbolic links out of lists'),
  }
}

/** Patterns may hold commas, so a text is one of them. */
function globList() {
  return z
    .union([text().transform((one) => [one]), z.array(text()), z.null().transform(() => [])], { error: 'expected a text or a list of texts' })
    .meta({ kind: 'list' })
    .prefault([])
}
