/** A stock minion beside ours under one stock master: the same jobs, and what came back. */
import { execFileSync } from 'node:child_process'
import { chmodSync, copyFileSync, existsSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Value, ValueObject } from '../../../agent/wire/value.ts'
import { entries, isMap, mapOf } from '../../../agent/wire/value.ts'
import type { StockMaster } from '../stock-master.ts'
import { differences } from './compare.ts'
import { explainedDifferences } from './compatibility-page.ts'
import type { Row } from './functions/row.ts'
import { ROWS } from './functions/table.ts'
import type { JobRequest, LocalClient } from './local-client.ts'
import { withLocalClient, type Member, type Pair } from './pair.ts'

/** What became of a row. */
interface Outcome {
  row: Row
  differences: string[]
}

/** Calls every row of the table on both and prints what differs. Gives the number of rows that differ without a known reason, or no longer. */
export async function compareFunctions(pair: Pair, only?: string): Promise<{ run: number; failed: number }> {
  for (const { directory } of [pair.stock, pair.ours]) layOut(directory)
  const certificate = join(pair.stock.directory, 'certificate.pem')
  execFileSync('openssl', ['req', '-x509', '-newkey', 'rsa:2048', '-nodes', '-keyout', '/dev/null', '-out', certificate, '-days', '100', '-subj', '/CN=interop/O=Salt'], { stdio: 'ignore' })
  copyFileSync(certificate, join(pair.ours.directory, 'certificate.pem'))
  layOutMaster(pair.master)
  const known = explainedDifferences()
  let failed = 0
  let explained = 0
  const rows = ROWS.filter(({ fun }) => only === undefined || String(fun).startsWith(only))
  await withLocalClient(pair, async (client) => {
    for (const row of rows) {
      const outcome = await call(client, pair, row).catch((error: unknown): Outcome => ({ row, differences: [String(error)] }))
      const complaint = judge(outcome, known)
      if (complaint === undefined && outcome.differences.length > 0) explained += 1
      if (complaint === undefined) continue
      failed += 1
      console.log(`FAIL ${nameOf(row)}: ${complaint}`)
      for (const line of outcome.differences.slice(0, 12)) console.log(`       ${line.length > 600 ? `${line.slice(0, 600)}…` : line}`)
    }
  })
  console.log(`     ${rows.length} calls: ${rows.length - failed - explained} alike, ${explained} differ as docs/salt-compatibility.md says, ${failed} not as expected`)
  return { run: rows.length, failed }
}

function judge({ row, differences: found }: Outcome, known: ReadonlySet<string>): string | undefined {
  const key = row.differs ?? row.mayDiffer
  if (key === undefined) return found.length === 0 ? undefined : 'stock | ours'
  if (!known.has(key)) return `docs/salt-compatibility.md has no row "${key}"`
  return found.length === 0 && row.differs !== undefined ? `it no longer differs: the row "${key}" is not needed here` : undefined
}

function nameOf({ fun, arg, kwarg }: Row): string {
  return `${String(fun)} ${JSON.stringify(arg ?? [])}${kwarg === undefined ? '' : ` ${JSON.stringify(kwarg)}`}`
}

async function call(client: LocalClient, { master, stock, ours }: Pair, row: Row): Promise<Outcome> {
  const { fun, arg = [], kwarg } = row
  const words = JSON.stringify([arg, kwarg ?? null])
  const loads = new Map<string, ValueObject>()
  const ask = async (target: Pick<JobRequest, 'tgt' | 'tgt_type'>, expect: Member[], filled: string): Promise<string> => {
    const [filledArg, filledKwarg] = JSON.parse(filled) as [unknown[], Record<string, unknown> | null]
    const ids = expect.map((member) => member.id)
    const { jid, returns } = await client.run({ ...target, fun, arg: filledArg, ...(filledKwarg === null ? {} : { kwarg: filledKwarg }), expect: ids, timeout: 40 })
    for (const { id, load } of returns) loads.set(id, load)
    return jid
  }
  const askOne = (member: Member): Promise<string> => ask({ tgt: [member.id] }, [member], words.replaceAll('{dir}', member.directory).replaceAll('{id}', member.id))
  const askBoth = async (): Promise<{ stock: string; ours: string }> => {
    const jid = await ask({ tgt: '*', tgt_type: 'glob' }, [stock, ours], words)
    return { stock: jid, ours: jid }
  }
  const jids = /\{(dir|id)\}/.test(words) ? { stock: await askOne(stock), ours: await askOne(ours) } : await askBoth()
  // On a busy host a stock minion loses a return now and then, and Salt's client the event of one that the master has.
  if (!loads.has(stock.id)) await askOne(stock)
  if (!loads.has(ours.id) && existsSync(master.returnFile(jids.ours, ours.id))) await askOne(ours)
  const [of, own] = [loads.get(stock.id), loads.get(ours.id)]
  if (of === undefined || own === undefined) return { row, differences: [`no return: ${[of ?? stock.id, own ?? ours.id].filter((each) => typeof each === 'string').join(', ')}`] }
  return { row, differences: differences(neutral(of, stock), neutral(own, ours), row) }
}

/** The load without what is one minion's own: its id, its directory. */
function neutral(load: ValueObject, member: Member): ValueObject {
  const walk = (value: Value): Value => {
    if (typeof value === 'string') return value.replaceAll(member.directory, '{dir}').replaceAll(member.cache, '{cache}').replaceAll(member.id, '{id}')
    if (Array.isArray(value)) return value.map(walk)
    if (!isMap(value)) return value
    return mapOf(entries(value).map(([key, each]): [Value, Value] => [walk(key), walk(each)]))
  }
  return walk(load) as ValueObject
}

/** What the rows of `file` find. */
function layOut(directory: string): void {
  mkdirSync(join(directory, 'tree', 'branch'), { recursive: true })
  writeFileSync(join(directory, 'text'), 'one\ntwo\nthree\nfour\n')
  writeFileSync(join(directory, 'other'), 'one\ntoo\nthree\n')
  writeFileSync(join(directory, 'bytes'), Buffer.from([0xff, 0xfe, 0x00, 0x41]))
  writeFileSync(join(directory, 'tree', 'leaf'), 'leaf\n')
  writeFileSync(join(directory, 'tree', 'branch', 'leaf'), 'deep\n')
  for (const name of ['text', 'other', 'bytes']) chmodSync(join(directory, name), 0o644)
  symlinkSync(join(directory, 'text'), join(directory, 'link'))
}

/** What the master serves. */
function layOutMaster({ fileRoot }: StockMaster): void {
  mkdirSync(join(fileRoot, 'interop'), { recursive: true })
  writeFileSync(join(fileRoot, 'interop', 'script.sh'), '#!/bin/sh\necho "script: $#: $1"\nexit 3\n')
}
