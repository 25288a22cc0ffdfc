import { traverse } from '../matchers/traverse.ts'
import { get } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { isTruthy, pythonStr } from '../matchers/python-text.ts'
import { defineFunction, defineModule, param } from './contract.ts'
import type { BuiltinContext } from './services.ts'

export default defineModule<BuiltinContext>({
  name: 'grains',
  functions: {
    get: defineFunction({
      doc: 'Returns a grain by its path (a:b:0), or the default when there is none.',
      args: { key: param.text(), default: param.any(''), delimiter: param.text(':') },
      immediate: true,
      run: (context, { key, default: fallback, delimiter }) => traverse(context.grains, key, delimiter) ?? fallback,
    }),
    fetch: defineFunction({
      doc: 'Returns a grain by its path, or the default when there is none.',
      args: { key: param.text(), default: param.any('') },
      immediate: true,
      run: (context, { key, default: fallback }) => traverse(context.grains, key) ?? fallback,
    }),
    item: defineFunction({
      doc: 'Returns the named grains: name → value. A path (a:b) is a name too.',
      rest: 'args',
      kwargs: 'kwargs',
      outputter: 'nested',
      immediate: true,
      run(context, _args, { rest, kwargs }) {
        const fallback = get(kwargs, 'default') ?? ''
        const found = Object.create(null) as ValueObject
        for (const name of rest) found[pythonStr(name)] = traverse(context.grains, pythonStr(name)) ?? fallback
        return found
      },
    }),
    items: defineFunction({
      doc: 'Returns all grains.',
      outputter: 'nested',
      immediate: true,
      run: (context) => context.grains,
    }),
    ls: defineFunction({
      doc: 'Returns the names of all grains, sorted.',
      immediate: true,
      run: (context) => Object.keys(context.grains).toSorted(),
    }),
    has_value: defineFunction({
      doc: 'Whether a grain is there and is not empty.',
      args: { key: param.text() },
      immediate: true,
      run: (context, { key }) => isTruthy(traverse(context.grains, key) ?? (null as Value)),
    }),
  },
})
