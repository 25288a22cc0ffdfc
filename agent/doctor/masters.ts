/** Whether the masters can be reached: their names, their ports, and the time they have. */
import { lookup } from 'node:dns/promises'
import { request as plainRequest } from 'node:http'
import { request as tlsRequest } from 'node:https'
import { isIP } from 'node:net'
import type { MinionConfig } from '../../config/schema.ts'
import { publishUrl, requestUrl } from '../transport/address.ts'
import type { Check, Finding } from './finding.ts'

const LIMIT_MS = 10_000
const ANSWER_MS = 5000
/** A clock that is off by more makes logs, ages and certificates misleading; by the second it breaks what expires. */
const CLOCK_WARN_MS = 30_000
const CLOCK_FAIL_MS = 300_000

/** Checks of each configured master. `now`: the wall clock, milliseconds. */
export function masterChecks(config: Pick<MinionConfig, 'master' | 'master_port' | 'publish_port'>, now: () => number): Check[] {
  return config.master.map((master): Check => ({ name: `master ${master}`, limitMs: LIMIT_MS, run: () => lookAtMaster(master, config, now) }))
}

async function lookAtMaster(master: string, config: Pick<MinionConfig, 'master_port' | 'publish_port'>, now: () => number): Promise<Finding[]> {
  const address = { master, masterPort: config.master_port }
  const request = requestUrl(address)
  const name = await resolveName(request.hostname.replaceAll(/^\[|\]$/g, ''))
  if (name.state === 'fail') return [name]
  const asked = await Promise.all([
    answer('request port', request, 'ret_port of the master, master_port here', now),
    answer('publish port', publishUrl(address, config.publish_port), 'publish_port of the master and here', now),
  ])
  const ports = asked.map(({ finding }) => finding)
  const clock = asked.flatMap(({ offsetMs }) => (offsetMs === undefined ? [] : [offsetMs])).at(0)
  return [name, ...ports.map((finding, index) => (index === 1 ? publishFinding(finding, config) : finding)), ...(clock === undefined ? [] : [clockFinding(master, clock)])]
}

/** While the option is Salt's default the master's own word wins, which comes with the handshake. */
function publishFinding(finding: Finding, { publish_port: port }: Pick<MinionConfig, 'publish_port'>): Finding {
  if (finding.state === 'ok' || port !== 4505) return finding
  return { ...finding, state: 'warn', advice: `${finding.advice ?? ''}; or has it another publish_port, which it tells when the minion connects?` }
}

async function resolveName(host: string): Promise<Finding> {
  const check = `dns ${host}`
  if (isIP(host) !== 0) return { check, state: 'ok', what: 'is an address' }
  try {
    const found = await lookup(host, { all: true })
    return { check, state: 'ok', what: found.map((one) => one.address).join(', ') }
  } catch (error) {
    return { check, state: 'fail', what: `cannot be resolved (${codeOf(error)})`, advice: 'check the option master, /etc/hosts and the name servers in /etc/resolv.conf' }
  }
}

interface Answered {
  finding: Finding
  /** How far our clock is ahead of the master's, milliseconds; undefined when it said nothing of the time. */
  offsetMs: number | undefined
}

/** Asks without the handshake of the protocol: whatever answers proves the port and often tells the time. */
function answer(port: string, url: URL, options: string, now: () => number): Promise<Answered> {
  const isTls = url.protocol === 'wss:'
  const target = new URL(url)
  target.protocol = isTls ? 'https:' : 'http:'
  const check = `${port} ${target.host}`
  return new Promise((resolve) => {
    const asking = (isTls ? tlsRequest : plainRequest)(target, { timeout: ANSWER_MS, agent: false })
    const failed = (what: string, advice: string): void => resolve({ finding: { check, state: 'fail', what, advice }, offsetMs: undefined })
    asking.on('response', (response) => {
      response.destroy()
      const said = Date.parse(response.headers.date ?? '')
      resolve({ finding: { check, state: 'ok', what: 'answers' }, offsetMs: Number.isNaN(said) ? undefined : now() - said })
    })
    asking.on('timeout', () => asking.destroy(Object.assign(new Error('no answer'), { code: 'ETIMEDOUT' })))
    asking.on('error', (error) => {
      const code = codeOf(error)
      if (code === 'ECONNREFUSED') failed('refuses connections', `is the master running, and do the ports agree (${options})?`)
      else if (/^HPE_|ECONNRESET|EPIPE/.test(code)) failed(`answers something else than ws (${code})`, 'set transport: ws on the master, and check the port')
      else failed(`cannot be reached (${code})`, 'check routes and firewalls between this host and the master')
    })
    asking.end()
  })
}

function clockFinding(master: string, offsetMs: number): Finding {
  // A date in a header has no fraction of a second.
  const seconds = Math.trunc(offsetMs / 1000)
  const check = `clock against ${master}`
  const off = Math.abs(offsetMs)
  if (off < CLOCK_WARN_MS) return { check, state: 'ok', what: `${seconds} s apart` }
  const what = `this host is ${Math.abs(seconds)} s ${seconds > 0 ? 'ahead' : 'behind'}`
  return { check, state: off < CLOCK_FAIL_MS ? 'warn' : 'fail', what, advice: 'set both clocks by NTP: timedatectl status' }
}

function codeOf(error: unknown): string {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : error instanceof Error ? error.message : String(error)
}
