import { defineFunction, defineModule, param } from './contract.ts'
import type { BuiltinContext } from './services.ts'

export default defineModule<BuiltinContext>({
  name: 'ret',
  functions: {
    get_jid: defineFunction({
      doc: [
        'Gives the returns of a job from a returner that keeps them (Salt\'s modules/ret.py): minion id → its return.',
        '',
        'The returner is asked with the options of this minion; returner@NAME asks it with those of a profile. Unlike Salt\'s for most',
        'returners, the whole return is given, not only its value.',
        'Example: salt web1 ret.get_jid pgjsonb 20250102030405000000',
      ].join('\n'),
      args: { returner: param.text(), jid: param.text() },
      run: (context: BuiltinContext, { returner: name, jid }) => context.agent.askReturner(name, 'getJid', [jid]),
    }),
    get_fun: defineFunction({
      doc: 'Gives, of each minion, the last return of a function: minion id → its return.\nExample: salt web1 ret.get_fun pgjsonb state.apply',
      args: { returner: param.text(), fun: param.text() },
      run: (context: BuiltinContext, { returner: name, fun }) => context.agent.askReturner(name, 'getFun', [fun]),
    }),
    get_jids: defineFunction({
      doc: 'Gives the jobs that a returner knows: jid → the publication.\nExample: salt web1 ret.get_jids pgjsonb',
      args: { returner: param.text() },
      run: (context: BuiltinContext, { returner: name }) => context.agent.askReturner(name, 'getJids', []),
    }),
    get_minions: defineFunction({
      doc: 'Gives the ids of the minions whose returns a returner has.\nExample: salt web1 ret.get_minions pgjsonb',
      args: { returner: param.text() },
      run: (context: BuiltinContext, { returner: name }) => context.agent.askReturner(name, 'getMinions', []),
    }),
  },
})
