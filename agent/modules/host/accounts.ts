import { readLines } from './files.ts'

/** Names by number, from a file in the form of /etc/passwd or /etc/group. */
export async function namesById(path: '/etc/passwd' | '/etc/group'): Promise<Map<string, string>> {
  const names = new Map<string, string>()
  for (const line of await readLines(path)) {
    const [name = '', , id = ''] = line.split(':')
    if (/^[0-9]+$/.test(id) && !names.has(id)) names.set(id, name)
  }
  return names
}
