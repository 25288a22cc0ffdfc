import { defineModule } from './contract.ts'
import type { BuiltinContext } from './services.ts'

/** Salt's states are not here: whoever asks for one is told so, and what to do instead. */
export default defineModule<BuiltinContext>({
  name: 'state',
  virtual: () => 'this minion runs no states; keep them on a Salt minion (both can run on this host), or call functions such as cmd.run and cp.get_file (sys.list_functions)',
  functions: {},
})
