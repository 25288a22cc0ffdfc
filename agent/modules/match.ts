import { networkFault } from '../matchers/ip-network.ts'
import { isTargeted } from '../matchers/match.ts'
import { isTruthy, pythonStr } from '../matchers/python-text.ts'
import { subdictMatch } from '../matchers/subdict.ts'
import { type Value, type ValueObject, isObject } from '../wire/value.ts'
import { defineFunction, defineModule, param } from './contract.ts'
import type { BuiltinContext } from './services.ts'

/** Another id stands in for the minion's own; the grains and the pillar are this minion's all the same, as in Salt. */
function matchId(context: BuiltinContext, type: string, tgt: Value, minionId: Value): boolean {
  const { grains, pillar, agent } = context
  const nodegroups = agent.options['nodegroups']
  const id = isTruthy(minionId) ? pythonStr(minionId) : context.minionId
  return isTargeted({ tgt, type }, { id, grains, pillar, nodegroups: isObject(nodegroups) ? nodegroups : {} })
}

/** False for whatever cannot be evaluated. Not by way of a target: there a delimiter does not count for `pillar_pcre`. */
function matchData(data: ValueObject, how: 'glob' | 'regex', tgt: Value, delimiter: string): boolean {
  if (typeof tgt !== 'string' || delimiter === '') return false
  try {
    return subdictMatch(data, tgt, delimiter, how)
  } catch {
    return false
  }
}

/** No boolean but an empty list for what is neither an address nor a network, as Salt answers. */
function matchNetwork(context: BuiltinContext, tgt: Value): boolean | Value[] {
  if (typeof tgt !== 'string' || networkFault(tgt) !== undefined) return []
  return matchId(context, 'ipcidr', tgt, null)
}

const idArguments = { tgt: param.any(), minion_id: param.any(null) }
const dataArguments = { tgt: param.any(), delimiter: param.text(':') }

function ofId(type: 'compound' | 'glob' | 'list' | 'pcre') {
  return defineFunction({
    doc: `Tells whether the id, this minion's unless another is given, matches a target of the type ${type}. False for a target that is none.`,
    args: idArguments,
    run: (context: BuiltinContext, { tgt, minion_id: minionId }) => matchId(context, type, tgt, minionId),
  })
}

function ofData(source: 'grains' | 'pillar', how: 'glob' | 'regex') {
  return defineFunction({
    doc: `Tells whether the ${source} of this minion match \`key:${how}\`. False for a target that is none.`,
    args: dataArguments,
    run: (context: BuiltinContext, { tgt, delimiter }) => matchData(context[source], how, tgt, delimiter),
  })
}

export default defineModule<BuiltinContext>({
  name: 'match',
  functions: {
    compound: ofId('compound'),
    glob: ofId('glob'),
    list: ofId('list'),
    pcre: ofId('pcre'),
    grain: ofData('grains', 'glob'),
    grain_pcre: ofData('grains', 'regex'),
    pillar: ofData('pillar', 'glob'),
    pillar_pcre: ofData('pillar', 'regex'),
    ipcidr: defineFunction({
      doc: 'Tells whether an address of this minion is the one given, or lies in the network given. An empty list for what is neither.',
      args: { tgt: param.any() },
      run: (context: BuiltinContext, { tgt }) => matchNetwork(context, tgt),
    }),
  },
})
