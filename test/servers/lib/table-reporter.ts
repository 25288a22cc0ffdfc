import type { Reporter, TestModule } from 'vitest/node'
import type { ServerRow } from './describe-server.ts'

/** Prints, at the end, what was proven on which server: one row per returner and server, the rest of its file with it. */
export default class TableReporter implements Reporter {
  onTestRunEnd(modules: readonly TestModule[]): void {
    const rows = modules.flatMap((module) => rowsOf(module)).toSorted((one, other) => (one.join(' ') < other.join(' ') ? -1 : 1))
    const table = [['returner', 'server', 'result'], ...rows]
    const widths = [0, 1].map((column) => Math.max(...table.map((row) => (row[column] ?? '').length)))
    const lines = table.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd())
    // Below everything that other reporters have to say.
    process.once('exit', () => console.log(['', ...lines].join('\n')))
  }
}

function rowsOf(module: TestModule): string[][] {
  const suites = [...module.children.suites()]
  const rows = suites.flatMap((suite) => {
    const tests = [...suite.children.allTests()]
    const found = tests.map((one) => one.meta().serverRow).find((row) => row !== undefined)
    if (found === undefined) return []
    const counted = tests.map((one) => one.result().state)
    return [[found.returner, found.server, resultOf(found, counted)]]
  })
  // A file that broke before its tests could run has no row of its own.
  return rows.length > 0 || module.ok() ? rows : [[module.relativeModuleId, '', `FAILED: ${module.errors()[0]?.message ?? 'see above'}`]]
}

function resultOf(row: ServerRow, states: string[]): string {
  if (row.missing !== undefined) return `not run: ${row.missing}`
  const passed = states.filter((state) => state === 'passed').length
  const skipped = states.filter((state) => state === 'skipped').length
  const failed = states.length - passed - skipped
  const rest = skipped > 0 ? `, ${skipped} skipped` : ''
  return failed > 0 ? `FAILED ${failed} of ${states.length}${rest}` : `passed ${passed}${rest}`
}
