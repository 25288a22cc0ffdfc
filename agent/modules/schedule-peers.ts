import { isTruthy } from '../matchers/python-text.ts'
import { entries, get, isMap, isObject } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { CommandExecutionError } from './contract.ts'
import { pause } from './pause.ts'
import type { ScheduleReport } from './schedule-items.ts'
import type { BuiltinContext } from './services.ts'

/** How long the other minions may take, and how often the master is asked for their answers, milliseconds. */
const answerMs = 5000
const askMs = 500

/** The keywords of `schedule.add` that make this item again. */
function addArguments(name: string, item: ValueObject): Value[] {
  const { args, kwargs, name: _name, saved: _saved, ...settings } = item
  const jobArguments = { ...(args === undefined ? {} : { job_args: args }), ...(kwargs === undefined ? {} : { job_kwargs: kwargs }) }
  return [name, { __kwarg__: true, ...settings, ...jobArguments }]
}

/**
 * Adds an item to other minions' schedules through the master (Salt's publish.publish; the master's `peer` must allow it), and
 * says which have it: `minions`.
 *
 * @throws CommandExecutionError when the master refuses, or LinkError when it does not answer
 */
export async function addOnPeers(context: BuiltinContext, target: string, name: string, item: ValueObject): Promise<ScheduleReport> {
  const answers = await publish(context, target, addArguments(name, item))
  if (answers.length === 0) return { comment: 'no servers answered the published schedule.add command', result: true }
  const refused = answers.filter(([, answer]) => !isTruthy(answer) || (isMap(answer) && get(answer, 'result') === false))
  if (refused.length > 0) return { comment: 'the following minions return False', result: false, minions: refused.map(([minion]) => minion) }
  return { comment: '', result: true, minions: answers.map(([minion]) => minion) }
}

async function publish(context: BuiltinContext, target: string, arg: Value[]): Promise<[Value, Value][]> {
  const { master, clock } = context.agent
  const { signal, minionId: id } = context
  const load = { cmd: 'minion_pub', fun: 'schedule.add', arg, tgt: target, tgt_type: 'glob', ret: '', tmo: answerMs / 1000, form: 'clean', id, no_parse: [] }
  const published = await master.request(load, { signal })
  const jid = get(published, 'jid')
  const expected = get(published, 'minions')
  if (typeof jid !== 'string') {
    throw new CommandExecutionError('The master did not publish schedule.add: its option peer must allow this minion to.')
  }
  const most = Array.isArray(expected) ? expected.length : Infinity
  let answers: Value = null
  for (let waited = 0; waited < answerMs; waited += askMs) {
    await pause(clock, askMs, signal)
    answers = await master.request({ cmd: 'pub_ret', id, jid }, { signal })
    if (isObject(answers) && Object.keys(answers).length >= most) break
  }
  return isMap(answers) ? entries(answers).map(([minion, answer]) => [minion, get(answer, 'ret') ?? null]) : []
}
