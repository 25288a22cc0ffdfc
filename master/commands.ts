/** What an accepted minion may ask, once its request is open: returns, events, pillar, mine, files. Everything else gets {}. */
import type { Clock } from '../agent/clock.ts'
import type { FileServer } from '../agent/fileserver/file-server.ts'
import type { Logger } from '../agent/log.ts'
import { recordOf } from '../agent/wire/json.ts'
import { encode } from '../agent/wire/msgpack.ts'
import { type Value, type ValueObject, get, isObject } from '../agent/wire/value.ts'
import type { EventBus } from './events.ts'
import type { FileReceiver } from './fileserver/receive.ts'
import type { JobCache } from './job-cache.ts'
import type { Mine } from './mine.ts'
import type { MinionData } from './minion-data.ts'
import type { CompilePillar } from '../agent/pillar-roots/compile.ts'
import type { Answer, CommandHandler } from './requests.ts'

export interface CommandPorts {
  clock: Clock
  log: Logger
  events: EventBus
  jobCache: JobCache
  minionData: MinionData
  compilePillar: CompilePillar
  mine: Mine
  nextJid(): string
  files: FileServer
  receiveFile: FileReceiver
}

/** Tags that only the master itself may fire. Salt checks them in lists of events only; here both forms are, and a line break hides nothing. */
const masterTags =
  /^salt\/(?:job\/[^/]*\/(?:publish|new|return|ret\/.*)|key(?:\/.*)?|auth|cloud\/.*|run\/.*|cluster\/.*|wheel\/.*\/(?:new|return|ret))$/s

const send = (value: Value): Answer => ({ kind: 'send', value })
const nil = send(null)

/** Makes the command table. */
export function makeCommands(ports: CommandPorts): CommandHandler {
  const { events, log } = ports
  return async (id, load) => {
    const command = get(load, 'cmd')
    switch (typeof command === 'string' ? command : '') {
      case '_return':
        return takeReturn(id, load)
      case '_minion_event':
        return takeEvents(id, load)
      case '_pillar':
        return givePillar(id, load)
      case '_mine':
        return send(ports.mine.store(id, load))
      case '_mine_get':
        return send(ports.mine.get(id, load))
      case '_mine_delete':
        return send(ports.mine.delete(id, load))
      case '_mine_flush':
        return send(ports.mine.flush(id))
      case '_file_recv':
        return send(await ports.receiveFile(id, load))
      default:
        return send((await ports.files(load)) ?? {})
    }
  }

  /**
   * Stores a return, then announces it. nil means stored: when the store fails the error leaves here and the minion is
   * told to try again. One that came before is acknowledged and neither stored nor announced again, so that a command
   * that waits does not print it twice.
   */
  async function takeReturn(id: string, load: ValueObject): Promise<Answer> {
    const given = get(load, 'jid')
    const jid = given === 'req' ? ports.nextJid() : given
    if (get(load, 'return') === undefined || typeof jid !== 'string' || !isJobName(jid)) {
      log.warn({ id }, 'a return without a usable job id or value is ignored')
      return nil
    }
    const ret: ValueObject = { ...load, jid, id }
    const stored = jid === 'nocache' ? 'new' : await store(ret)
    if (stored === 'again') log.info({ id, jid }, 'a return came again and is acknowledged')
    else events.fire(`salt/job/${jid}/ret/${id}`, ret)
    return nil
  }

  async function store(ret: ValueObject): Promise<'new' | 'again'> {
    // What Salt's minions leave out is filled in, so that a record is whole.
    const { cmd: _cmd, nonce: _nonce, ts: _ts, _stamp, sig: _sig, ...fields } = ret
    const whole = { fun: '', fun_args: [], retcode: 0, success: true, ...fields }
    const { record, json } = recordOf(encode(whole))
    return ports.jobCache.storeReturn({ ret: record, json })
  }

  async function takeEvents(id: string, load: ValueObject): Promise<Answer> {
    const list = get(load, 'events')
    if (Array.isArray(list)) {
      for (const event of list) fire(id, get(event, 'tag'), get(event, 'data'))
    } else {
      fire(id, get(load, 'tag'), load)
    }
    return nil
  }

  function fire(id: string, tag: Value | undefined, data: Value | undefined): void {
    if (typeof tag !== 'string' || tag === '' || tag.length > 1024) return
    if (masterTags.test(tag)) log.warn({ id, tag }, 'a minion fired an event that is the master\'s own, it is ignored')
    else events.fire(tag, isObject(data) ? data : { data: data ?? null })
  }

  /**
   * Compiles the pillar and remembers the grains and it: targets are matched against them. A pillar that the minion overrides in part
   * is not remembered, or it could choose what it is targeted by.
   */
  async function givePillar(id: string, load: ValueObject): Promise<Answer> {
    const given = get(load, 'grains')
    const grains: ValueObject = { ...(isObject(given) ? given : {}), id }
    const override = get(load, 'pillar_override')
    const overrides = isObject(override) && Object.keys(override).length > 0
    const pillar = ports.compilePillar({
      id,
      grains,
      saltenv: textOrNull(get(load, 'saltenv')),
      pillarenv: textOrNull(get(load, 'pillarenv')),
      override: overrides ? override : {},
    })
    if (isObject(given)) {
      ports.minionData.save(id, grains, overrides ? undefined : pillar)
      events.fire(`minion/refresh/${id}`, { 'Minion data cache refresh': id })
    }
    return { kind: 'private', name: 'pillar', value: pillar }
  }
}

function textOrNull(value: Value | undefined): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** Job ids as minions may name them: Salt's own and those that callers make up, safe in tags and logs. */
function isJobName(jid: string): boolean {
  return /^[0-9A-Za-z_.-]{1,128}$/.test(jid)
}
