import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync } from 'node:fs'
import { Readable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import Database from 'better-sqlite3'
import { expect, test } from 'vitest'
import { OutboxLockedError } from '../../../agent/outbox/faults.ts'
import { lockHolder, takeLock } from '../../../agent/outbox/lock.ts'
import { storePaths } from '../../../agent/outbox/settings.ts'
import { newDirectory, openTestOutbox } from './support.ts'

const program = fileURLToPath(new URL('../../fixtures/outbox-stream.ts', import.meta.url))

/** Another process that has the store until `kill`. */
async function holdElsewhere(directory: string): Promise<{ pid: number | undefined; kill(): Promise<void> }> {
  const child = spawn(process.execPath, [program, directory], { stdio: ['ignore', 'ignore', 'inherit', 'pipe'] })
  const stream = child.stdio[3]
  if (!(stream instanceof Readable)) throw new Error('the program has no descriptor 3')
  await once(stream, 'data')
  stream.resume()
  return {
    pid: child.pid,
    async kill() {
      child.kill('SIGKILL')
      await once(child, 'close')
    },
  }
}

test('a second process is refused with the pid of the first, and served once kill -9 has freed the store', async () => {
  const directory = newDirectory()
  const holder = await holdElsewhere(directory)

  await expect(openTestOutbox({ directory })).rejects.toThrow(`${directory} is in use by process ${holder.pid}`)
  await expect(openTestOutbox({ directory })).rejects.toBeInstanceOf(OutboxLockedError)
  expect(lockHolder(directory)).toBe(holder.pid)

  await holder.kill()
  expect(lockHolder(directory)).toBe(undefined)
  const { outbox } = await openTestOutbox({ directory })
  await outbox.close()
})

test('a second outbox in the same process is refused too', async () => {
  const { outbox, directory } = await openTestOutbox()

  await expect(openTestOutbox({ directory })).rejects.toThrow(`in use by process ${process.pid}`)

  await outbox.close()
})

test('a refused one leaves the holder its lock and its store', async () => {
  const { outbox, directory } = await openTestOutbox()
  await expect(openTestOutbox({ directory })).rejects.toThrow('in use')

  expect(lockHolder(directory)).toBe(process.pid)
  expect(await outbox.receive({ master: 'm', jid: '1', fun: 'f', load: Buffer.alloc(0) })).toBe('new')
  await outbox.close()
})

test('no other program can write to the open database, or even read it', async () => {
  const { outbox, directory } = await openTestOutbox()
  const other = new Database(storePaths(directory).database, { timeout: 0 })

  expect(() => other.prepare('SELECT count(*) FROM returns').get()).toThrow('locked')
  expect(() => other.exec('DELETE FROM returns')).toThrow('locked')

  other.close()
  await outbox.close()
})

test('the lock leaves nothing behind that a later start could stumble over', () => {
  const directory = newDirectory()
  mkdirSync(directory)
  takeLock(directory).release()
  const again = takeLock(directory)

  expect(() => takeLock(directory, { waitMs: 0 })).toThrow('in use')
  again.release()
  expect(lockHolder(directory)).toBe(undefined)
})
