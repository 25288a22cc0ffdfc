import { describe, expect, it } from 'vitest'
import { EXIT, exitCodeOf, makeReturnPrinter } from '../../../master/cli/print-returns.ts'
import { plain } from '../../../agent/outputters/nested.ts'

function printer({ docs = false } = {}) {
  const written = { stdout: '', stderr: '' }
  const made = makeReturnPrinter({
    out: undefined,
    together: false,
    hidden: false,
    docs,
    showMissing: true,
    palette: plain,
    stdout: (text) => void (written.stdout += text),
    stderr: (text) => void (written.stderr += text),
  })
  return { written, ...made, exitCode: () => exitCodeOf(made.tally, (text) => void (written.stderr += text)) }
}

describe('the printer of returns', () => {
  it('shows a returner that is not there beside the untouched return, and fails nothing for it', () => {
    const { written, returned, exitCode } = printer()

    returned('web1', { return: true, retcode: 0, returner_errors: { nosuch: 'there is no returner nosuch' } })

    expect(written).toEqual({ stdout: 'web1:\n    True\n', stderr: 'WARNING: web1: returner nosuch: there is no returner nosuch\n' })
    expect(exitCode()).toBe(EXIT.ok)
  })

  it('says that minions failed when a return has a retcode', () => {
    const { written, returned, exitCode } = printer()

    returned('web1', { return: 'no', retcode: 2 })

    expect(exitCode()).toBe(EXIT.failed)
    expect(written.stderr).toBe('ERROR: Minions returned with non-zero exit code\n')
  })

  it('prints documentation as text, and a refusal as what it is', () => {
    const { written, returned, flush } = printer({ docs: true })

    returned('web1', { return: { 'test.ping': 'Returns True.' }, retcode: 0 })
    returned('web2', { return: "ERROR executing 'sys.doc': refused", retcode: 1 })
    flush()

    expect(written.stdout).toBe("test.ping:\nReturns True.\n\nweb2:\n    ERROR executing 'sys.doc': refused\n")
  })
})
