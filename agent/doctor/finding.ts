/** What one look at the host found. */
export interface Finding {
  /** What was looked at, `dns salt.example.org`. */
  check: string
  state: 'ok' | 'warn' | 'fail'
  /** What was found, one line. */
  what: string
  /** What to do; only where something is to be done. */
  advice?: string
}

/** A look at one thing. It never changes what it looks at. */
export interface Check {
  name: string
  /** Longest it may take, milliseconds. */
  limitMs: number
  run(): Promise<Finding[]> | Finding[]
}

/** Runs checks together, each within its limit: one that throws or takes too long is a finding of its own. In the order of the checks. */
export async function runChecks(checks: readonly Check[]): Promise<Finding[]> {
  return (await Promise.all(checks.map(runCheck))).flat()
}

async function runCheck({ name, limitMs, run }: Check): Promise<Finding[]> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<Finding[]>((resolve) => {
    const finding: Finding = { check: name, state: 'fail', what: `no result within ${limitMs / 1000} s`, advice: 'look at what it waits for' }
    timer = setTimeout(() => resolve([finding]), limitMs)
  })
  try {
    return await Promise.race([Promise.resolve().then(run), late])
  } catch (error) {
    return [{ check: name, state: 'fail', what: error instanceof Error ? error.message : String(error) }]
  } finally {
    clearTimeout(timer)
  }
}
