import { get } from '../wire/value.ts'
import type { Value } from '../wire/value.ts'
import { pythonStr } from '../matchers/python-text.ts'
import { defineFunction, defineModule, InvocationError, param } from './contract.ts'
import { oneLine, removeJob, removeSpecial, removeVariable, setJob, setVariable } from './cron/change.ts'
import type { Change, Wanted } from './cron/change.ts'
import { readTab, tabToChange, writeTab } from './cron/store.ts'
import { parseTab } from './cron/tab.ts'
import type { Tab } from './cron/tab.ts'
import { findProgram } from './programs.ts'
import type { BuiltinContext } from './services.ts'

/** Changes a crontab, and installs it when something changed. Gives what happened, or what crontab said against it. */
async function changed(context: BuiltinContext, user: string, change: (tab: Tab) => Change): Promise<string> {
  const tab = await tabToChange(context, user)
  const done = change(tab)
  if (done === 'present' || done === 'absent') return done
  return (await writeTab(context, user, tab)) ?? done
}

const noteParams = { commented: param.boolean(false), comment: param.text(null), identifier: param.any(null as Value) }
const time = () => param.any('*')
const maybe = () => param.any(null as Value)

function textOrNull(name: string, value: Value): string | null {
  return value === null ? null : oneLine(name, pythonStr(value))
}

/** A time field is one word. */
function word(name: string, value: Value): string {
  const text = pythonStr(value).toLowerCase()
  if (!/^\S+$/.test(text)) throw new InvocationError(`${name} must be one word: '${text}'`)
  return text
}

async function entry(context: BuiltinContext, user: string, identifier: string | null, cmd: string | null): Promise<Value> {
  const { crons, special } = parseTab(await readTab(context, user))
  const all = [...crons, ...special]
  const found = identifier ? all.find((one) => one.identifier === identifier) : all.find((one) => cmd && one.cmd === cmd)
  return found === undefined ? false : { ...found }
}

const userParam = { user: param.text() }
const list = defineFunction({
  doc: "Returns a user's crontab: {pre, crons, special, env}.\n\npre are the lines above those that Salt manages.",
  args: userParam,
  run: async (context: BuiltinContext, { user }) => parseTab(await readTab(context, user)),
})
const remove = defineFunction({
  doc: "Takes a job out of a user's crontab, by its identifier or command, and, where they are given, its times. Returns removed or absent.",
  args: { ...userParam, cmd: param.text(), minute: maybe(), hour: maybe(), daymonth: maybe(), month: maybe(), dayweek: maybe(), identifier: maybe() },
  run: (context: BuiltinContext, { user, cmd, identifier, minute, hour, daymonth, month, dayweek }) => {
    const times = { minute, hour, daymonth, month, dayweek }
    const given = Object.fromEntries(Object.entries(times).map(([name, value]) => [name, value === null ? null : pythonStr(value)]))
    return changed(context, user, (tab) => removeJob(tab, cmd, textOrNull('identifier', identifier), given))
  },
})

export default defineModule<BuiltinContext>({
  name: 'cron',
  async virtual({ grains }) {
    const path = get(grains, 'path')
    const there = await findProgram('crontab', typeof path === 'string' ? path : undefined)
    return there !== undefined || 'Cannot load cron module: crontab command not found'
  },
  functions: {
    get_entry: defineFunction({
      doc: "Returns an entry of a user's crontab, by its identifier or its command; False when there is none.",
      args: { ...userParam, identifier: param.text(null), cmd: param.text(null) },
      run: (context: BuiltinContext, { user, identifier, cmd }) => entry(context, user, identifier, cmd),
    }),
    list_tab: list,
    ls: list,
    raw_cron: defineFunction({ doc: "Returns the text of a user's crontab.", args: userParam, run: (context: BuiltinContext, { user }) => readTab(context, user) }),
    rm: remove,
    rm_env: defineFunction({
      doc: "Takes a variable out of a user's crontab. Returns removed or absent.",
      args: { ...userParam, name: param.text() },
      run: (context: BuiltinContext, { user, name }) => changed(context, user, (tab) => removeVariable(tab, name)),
    }),
    rm_job: remove,
    rm_special: defineFunction({
      doc: "Takes a special job (@daily …) out of a user's crontab, by its identifier or command. Returns removed or absent.",
      args: { ...userParam, cmd: param.text(), special: param.text(null), identifier: maybe() },
      run: (context: BuiltinContext, { user, cmd, special, identifier }) =>
        changed(context, user, (tab) => removeSpecial(tab, cmd, textOrNull('identifier', identifier), special)),
    }),
    set_env: defineFunction({
      doc: "Sets a variable in a user's crontab. Returns new, updated or present.",
      args: { ...userParam, name: param.text(), value: param.any(null as Value) },
      run: (context: BuiltinContext, { user, name, value }) => {
        if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) throw new InvocationError(`not a variable's name: '${name}'`)
        return changed(context, user, (tab) => setVariable(tab, name, textOrNull('value', value) ?? ''))
      },
    }),
    set_job: defineFunction({
      doc:
        "Sets a job in a user's crontab. Returns new, updated or present.\n\n" +
        'A time may be random, or a number between two (10:20). With an identifier the job is found again when its command changes.',
      args: { ...userParam, minute: time(), hour: time(), daymonth: time(), month: time(), dayweek: time(), cmd: param.text(''), ...noteParams },
      run: (context: BuiltinContext, { user, cmd, minute, hour, daymonth, month, dayweek, commented, comment, identifier }) => {
        if (cmd === '') throw new InvocationError('set_job needs a cmd')
        const times = {
          minute: word('minute', minute), hour: word('hour', hour), daymonth: word('daymonth', daymonth), month: word('month', month), dayweek: word('dayweek', dayweek),
        }
        const wanted: Wanted = { times, spec: null, cmd: oneLine('cmd', cmd), commented, comment, identifier: textOrNull('identifier', identifier) }
        return changed(context, user, (tab) => setJob(tab, wanted))
      },
    }),
    set_special: defineFunction({
      doc: "Sets a special job in a user's crontab: at @reboot, @daily and the like. Returns new, updated or present.",
      args: { ...userParam, special: param.text(), cmd: param.text(), ...noteParams },
      run: (context: BuiltinContext, { user, special, cmd, commented, comment, identifier }) => {
        if (!/^@[a-z_0-9]+$/.test(special)) throw new InvocationError(`not a special time such as @daily: '${special}'`)
        const wanted: Wanted = { times: null, spec: special, cmd: oneLine('cmd', cmd), commented, comment, identifier: textOrNull('identifier', identifier) }
        return changed(context, user, (tab) => setJob(tab, wanted))
      },
    }),
  },
})
