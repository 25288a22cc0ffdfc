import { randomInt } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { pythonRepr } from '../matchers/python-text.ts'
import { get } from '../wire/value.ts'
import type { Value, ValueObject } from '../wire/value.ts'
import { CommandExecutionError, defineFunction, defineModule, InvocationError, param } from './contract.ts'
import type { BuiltinContext } from './services.ts'
import { informationFunctions } from './test-information.ts'

/** Longest single timer; longer ones would fire at once. */
const longestTimerMs = 2 ** 31 - 1

async function sleepFor(length: number, signal: AbortSignal): Promise<void> {
  if (length < 0) throw new Error('sleep length must be non-negative')
  for (let left = length * 1000; left > 0; left -= longestTimerMs) {
    await pause(Math.min(left, longestTimerMs), undefined, { signal })
  }
}

/** The steps from a number to 1 by the Collatz rule, the 1 left out. */
function collatz(start: number): bigint[] {
  if (start < 1) throw new Error('the starting number must be positive')
  const steps: bigint[] = []
  for (let number = BigInt(start); number !== 1n; number = number % 2n === 0n ? number / 2n : number * 3n + 1n) steps.push(number)
  return steps
}

function fibonacci(number: number): bigint {
  if (number < 0) throw new Error('Negative number is not allowed!')
  let [previous, current] = [0n, 1n]
  for (let at = 0; at < number; at++) [previous, current] = [current, previous + current]
  return previous
}

function seconds(since: number): number {
  return (performance.now() - since) / 1000
}

/** Python's repr of a tuple. */
function tupleRepr(items: Value[]): string {
  return items.length === 1 ? `(${pythonRepr(items[0] ?? null)},)` : `(${items.map(pythonRepr).join(', ')})`
}

export default defineModule<BuiltinContext>({
  name: 'test',
  functions: {
    ...informationFunctions,
    ping: defineFunction({
      doc: 'Says that the minion is up and answers: True.',
      immediate: true,
      run: () => true,
    }),
    echo: defineFunction({
      doc: 'Returns the text it was given.',
      args: { text: param.any() },
      run: (_context, { text }) => text,
    }),
    version: defineFunction({
      doc: 'Returns the version of Salt whose protocol this minion speaks.',
      run: (context) => get(context.grains, 'saltversion') ?? null,
    }),
    arg: defineFunction({
      doc: 'Returns its arguments as they arrived: {args: […], kwargs: {…}}.',
      rest: 'args',
      kwargs: 'kwargs',
      run: (_context, _args, { rest, kwargs }) => ({ args: rest, kwargs }),
    }),
    arg_repr: defineFunction({
      doc: 'Returns the text that Python would print for its arguments.',
      rest: 'args',
      kwargs: 'kwargs',
      run: (_context, _args, { rest, kwargs }) => ({ args: tupleRepr(rest), kwargs: pythonRepr(kwargs) }),
    }),
    kwarg: defineFunction({
      doc: 'Returns its keyword arguments, with the fields of the publication.',
      kwargs: 'kwargs',
      run: (_context, _args, { kwargs }) => kwargs,
    }),
    sleep: defineFunction({
      doc: 'Waits for a number of seconds, then returns True.',
      args: { length: param.integer() },
      async run(context, { length }) {
        await sleepFor(length, context.signal)
        return true
      },
    }),
    rand_sleep: defineFunction({
      doc: 'Waits for a random number of seconds, at most max, then returns True.',
      args: { max: param.integer(60) },
      async run(context, { max }) {
        await sleepFor(randomInt(max + 1), context.signal)
        return true
      },
    }),
    collatz: defineFunction({
      doc: 'Follows the Collatz rule from a number to 1. Returns the steps and the seconds it took; a test of speed.',
      args: { start: param.integer() },
      isolate: true,
      run(_context, { start }) {
        const began = performance.now()
        return [collatz(start), seconds(began)]
      },
    }),
    fib: defineFunction({
      doc: 'Computes a Fibonacci number. Returns it and the seconds it took; a test of speed.',
      args: { num: param.integer() },
      isolate: true,
      run(_context, { num }) {
        const began = performance.now()
        return [fibonacci(num), seconds(began)]
      },
    }),
    retcode: defineFunction({
      doc: 'Sets the retcode of the job and returns True.',
      args: { code: param.integer(42) },
      run(context, { code }) {
        context.setRetcode(code)
        return true
      },
    }),
    true: defineFunction({ doc: 'Returns True.', run: () => true }),
    false: defineFunction({ doc: 'Returns False (a successful job with a false result).', run: () => false }),
    assertion: defineFunction({
      doc: 'Fails unless its argument is true.',
      args: { assertion: param.boolean() },
      run(_context, { assertion }) {
        if (!assertion) throw new CommandExecutionError('the assertion does not hold')
      },
    }),
    exception: defineFunction({
      doc: 'Raises an exception with the given message, to show how one looks.',
      args: { message: param.text('Test Exception') },
      run(_context, { message }) {
        throw new Error(message)
      },
    }),
    outputter: defineFunction({
      doc: 'Returns the data it was given, to try outputters.',
      args: { data: param.any() },
      run: (_context, { data }) => data,
    }),
    cross_test: defineFunction({
      doc: 'Calls another function with a list of arguments and returns its result.',
      args: { func: param.text(), args: param.list([]) },
      run(context, { func, args }) {
        if (func === context.fun) throw new InvocationError('test.cross_test cannot call itself')
        return context.call(func, args, Object.create(null) as ValueObject)
      },
    }),
  },
})
