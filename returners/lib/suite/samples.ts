import type { ReturnerContext, ReturnItem, ReturnRecord } from '../../contract.ts'

/** A return for tests. */
export function sampleReturn(jid: string, fields: Partial<ReturnRecord> = {}): ReturnRecord {
  return { success: true, return: true, retcode: 0, jid, id: 'minion', fun: 'test.ping', fun_args: [], ...fields }
}

/** A return as the agent hands it over. */
export function sampleItem(ret: ReturnRecord, json = JSON.stringify(ret)): ReturnItem {
  return { key: `${ret.jid}/${ret.id}/test`, ret, json }
}

/** A batch of so many returns, each under a job id of its own: `first` and those after it. */
export function sampleBatch(size: number, first: number): ReturnItem[] {
  return Array.from({ length: size }, (_, index) => {
    const jid = `2025010100${String(first + index).padStart(10, '0')}`
    return sampleItem(sampleReturn(jid, { return: index }))
  })
}

/** What a returner is opened with in tests. */
export function sampleContext(fields: Partial<ReturnerContext> = {}): ReturnerContext {
  return { minionId: 'minion', destination: 'test', stateDir: '/nonexistent', cacheDir: '/nonexistent', now: () => 1_700_000_000_000, ...fields }
}
