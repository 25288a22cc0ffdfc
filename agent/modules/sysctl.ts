import type { Value, ValueObject } from '../wire/value.ts'
import { stat } from 'node:fs/promises'
import { get } from '../wire/value.ts'
import { isTruthy, pythonStr } from '../matchers/python-text.ts'
import { defineFunction, defineModule, param } from './contract.ts'
import { namesIn, readText } from './host/files.ts'
import type { BuiltinContext } from './services.ts'

const root = '/proc/sys'
/** Parameters that are read at most, and how deep directories go. */
const limits = { parameters: 50_000, depth: 12 }
/** The kernel reports each read of these as a mistake. */
const outdated = new Set(['base_reachable_time', 'retrans_time'])

/** A parameter's file. In a name dots and slashes change places, so that `net.ipv4.conf.eth0/1.forwarding` is of `eth0.1`. */
function fileOf(name: string): string | undefined {
  const path = name.replaceAll(/[./]/g, (mark) => (mark === '.' ? '/' : '.'))
  const parts = path.split('/')
  return parts.some((part) => part === '' || part === '.' || part === '..' || part.includes('\0')) ? undefined : `${root}/${path}`
}

async function collect(path: string, found: ValueObject, depth: number): Promise<void> {
  for (const name of (await namesIn(path)).toSorted()) {
    const child = `${path}/${name}`
    if (Object.keys(found).length >= limits.parameters || outdated.has(name)) continue
    const info = await stat(child).catch(() => undefined)
    if (info?.isDirectory() === true && depth < limits.depth) await collect(child, found, depth + 1)
    else if (info?.isFile() === true && (info.mode & 0o444) !== 0) {
      const text = await readText(child)
      const key = child.slice(root.length + 1).replaceAll(/[./]/g, (mark) => (mark === '/' ? '.' : '/'))
      // Of several lines Salt keeps the last.
      if (text !== undefined && text !== '') found[key] = text.trimEnd().split('\n').at(-1) ?? ''
    }
  }
}

async function fromConfig(path: string): Promise<Value> {
  const text = await readText(path)
  if (text === undefined) return []
  const lines = text.split('\n').map((line) => line.trim()).filter((line) => !line.startsWith('#') && line.includes('='))
  const pairs = lines.map((line) => [line.slice(0, line.indexOf('=')).trimEnd(), line.slice(line.indexOf('=') + 1).trimStart()] as const)
  return Object.assign(Object.create(null) as ValueObject, Object.fromEntries(pairs))
}

async function show(config: Value): Promise<Value> {
  if (isTruthy(config)) return fromConfig(pythonStr(config))
  const found = Object.create(null) as ValueObject
  await collect(root, found, 0)
  return found
}

/** The value of a parameter, or what the program sysctl would say. */
async function value(context: BuiltinContext, name: string): Promise<string> {
  const path = fileOf(name)
  const text = path === undefined ? undefined : await readText(path)
  if (text !== undefined) return text.trimEnd()
  context.setRetcode(1)
  const there = path === undefined ? undefined : await stat(path).catch(() => undefined)
  if (there === undefined) return `sysctl: cannot stat ${path ?? `${root}/${name}`}: No such file or directory`
  return there.isDirectory() ? '' : `sysctl: permission denied on key '${name}'`
}

export default defineModule<BuiltinContext>({
  name: 'sysctl',
  virtual: ({ grains }) =>
    (get(grains, 'kernel') ?? 'Linux') === 'Linux' || 'The linux_sysctl execution module cannot be loaded: only available on Linux systems.',
  functions: {
    default_config: defineFunction({
      doc: 'Returns the file in which a parameter is kept for the next start of the host.',
      run: async () => ((await stat('/run/systemd/system').catch(() => undefined)) === undefined ? '/etc/sysctl.conf' : '/etc/sysctl.d/99-salt.conf'),
    }),
    get: defineFunction({
      doc: 'Returns the value of a kernel parameter as text.',
      args: { name: param.text() },
      run: (context: BuiltinContext, { name }) => value(context, name),
    }),
    show: defineFunction({
      doc: 'Returns all kernel parameters: name → value. With config_file, those that the file sets; an empty list when there is no such file.',
      args: { config_file: param.any(false) },
      run: (_context, { config_file: config }) => show(config),
    }),
  },
})
