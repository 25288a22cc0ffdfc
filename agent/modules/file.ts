/** Files and directories of the host (Salt: modules/file.py). */
import { defineFunction, defineModule, param } from './contract.ts'
import { blockFunctions } from './file/blockreplace.ts'
import { findPaths } from './file/find.ts'
import { lineFunctions } from './file/line.ts'
import { filePath } from './file/paths.ts'
import { readFunctions } from './file/reads.ts'
import { replaceFunctions } from './file/replace.ts'
import { searchFunctions } from './file/search.ts'
import { writeFunctions } from './file/writes.ts'
import type { BuiltinContext } from './services.ts'

const find = defineFunction({
  doc:
    'Lists the paths under a path (or glob) that fit all options: name, iname, regex, iregex, type, size, mtime, owner, group, grep,\n' +
    'mindepth, maxdepth. print names what is returned of each (path, name, size, type, mode, mtime, user, group, md5); delete=TYPES removes them.',
  args: { path: param.text() },
  rest: 'args',
  kwargs: 'kwargs',
  run(context: BuiltinContext, { path }, { rest, kwargs }) {
    const options = { ...kwargs }
    if (rest.includes('delete')) options['delete'] = 'f'
    else if (rest.includes('print')) options['print'] = 'path'
    return findPaths(context, filePath(context, path), options)
  },
})

export default defineModule<BuiltinContext>({
  name: 'file',
  functions: { ...readFunctions, ...searchFunctions, find, ...writeFunctions, ...replaceFunctions, ...lineFunctions, ...blockFunctions },
})
