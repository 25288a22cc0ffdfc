/** The demo's site returner: one file per return, named by its key, so that a re-send overwrites itself. */
import { mkdir, open, rename } from 'node:fs/promises'
import { join } from 'node:path'
import { defineReturner, z } from 'brine/returner'

export default defineReturner({
  name: 'inventory',
  summary: 'One JSON file per return in a directory',
  options: z.strictObject({ directory: z.string() }),
  delivery: 'upsert',
  async open(options) {
    await mkdir(options.directory, { recursive: true })
    return {
      async returner(items) {
        for (const item of items) {
          const path = join(options.directory, `${encodeURIComponent(item.key)}.json`)
          const file = await open(`${path}.new`, 'w')
          await file.writeFile(item.json)
          await file.sync()
          await file.close()
          await rename(`${path}.new`, path)
        }
      },
      async close() {},
    }
  },
})
