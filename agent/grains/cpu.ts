/** Processor and memory, as Salt reads /proc (grains/core.py, _linux_cpudata and _linux_memdata). */
import type { ValueObject } from '../wire/value.ts'

/** `num_cpus`, `cpu_model` and `cpu_flags` of /proc/cpuinfo: x86, ARM, POWER and s390 each write it differently. */
export function cpuGrains(cpuinfo: string | undefined): ValueObject {
  let count = 0
  let model = 'Unknown'
  let flags: string[] = []
  for (const [key, value] of fields(cpuinfo)) {
    if (key === 'processor') count += 1
    else if (key === '# processors') count = Number(value) || 0
    else if (key === 'vendor_id' || key === 'model name' || key === 'cpu') model = value
    else if (key === 'flags' || key === 'Features') flags = value.split(/\s+/).filter((flag) => flag !== '')
    else if (key === 'Processor') [model, count] = [value.split('-')[0] ?? value, 1]
  }
  return { num_cpus: count, cpu_model: model, cpu_flags: flags }
}

/** `mem_total` and `swap_total`, MiB, of /proc/meminfo. */
export function memoryGrains(meminfo: string | undefined): ValueObject {
  const found = new Map(fields(meminfo))
  const mebibytes = (name: string) => Math.floor(Number.parseInt(found.get(name) ?? '0', 10) / 1024)
  return { mem_total: mebibytes('MemTotal'), swap_total: mebibytes('SwapTotal') }
}

/** `key : value` lines. */
function fields(text: string | undefined): [string, string][] {
  return (text ?? '').split('\n').flatMap((line): [string, string][] => {
    const [key, value] = line.split(':', 2)
    return key === undefined || value === undefined ? [] : [[key.trim(), value.trim()]]
  })
}
