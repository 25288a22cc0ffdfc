import { mkdirSync, mkdtempSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { openSession, readTranscripts } from '../helpers/transcripts/opened.ts'
import { openConnection } from './scripted-minion.ts'
import { removeRoot, startMaster } from './test-master.ts'
import type { TestMaster } from './test-master.ts'
import type { OpenedSession } from '../helpers/transcripts/opened.ts'
import type { Happening, Session, Transcript } from '../../scripts/lib/transcripts/transcript.ts'

/** An embedded master that holds what the stock one held: its key, the session keys it gave, the file and the pillar. */
async function startInItsPlace({ masterKey, sessions }: Transcript) {
  const root = mkdtempSync(join(tmpdir(), 'bm-'))
  for (const directory of ['pki', 'cache/sessions', 'files', 'pillar']) mkdirSync(join(root, directory), { recursive: true })
  writeFileSync(join(root, 'pki/master.pem'), masterKey, { mode: 0o400 })
  writeFileSync(join(root, 'files/hello.txt'), 'hello, grüß dich\n')
  writeFileSync(join(root, 'pillar/top.sls'), "base: {'*': [greeting]}\n")
  writeFileSync(join(root, 'pillar/greeting.sls'), 'greeting: grüß dich\n')
  for (const session of sessions) {
    const { sessionKey } = openSession(session, masterKey)
    if (sessionKey !== undefined) writeFileSync(join(root, 'cache/sessions', session.id), sessionKey, { mode: 0o600 })
  }
  return startMaster({ file_roots: { base: [join(root, 'files')] }, pillar_roots: { base: [join(root, 'pillar')] }, max_minions: 1 }, { root })
}

/** Sends what the recorded minion sent, and gives the session with this master's replies in the place of the recorded ones. */
async function answered({ master, keys }: TestMaster, session: Session): Promise<Session> {
  const connection = await openConnection(master.ports.request)
  const happenings: Happening[] = []
  for (const one of session.happenings) {
    if ('key' in one) keys.move(session.id, one.key === 'rejected' ? 'pending' : 'rejected', one.key)
    if (!('request' in one) || !session.happenings.some((other) => 'reply' in other && other.reply === one.request)) continue
    const reply = await connection.send(Buffer.from(one.bytes, 'base64'))
    if (reply === null) throw new Error('the master closed the connection')
    happenings.push(one, { reply: one.request, bytes: reply.toString('base64') })
  }
  connection.close()
  return { ...session, happenings }
}

const meaningsOf = ({ requests }: OpenedSession) => [...requests.values()].flatMap(({ meaning }) => (meaning === undefined ? [] : [meaning]))

describe.each(readTranscripts())('the minion of %s', (_name, transcript) => {
  test('gets the same answers from the embedded master', async () => {
    const running = await startInItsPlace(transcript)
    try {
      for (const session of transcript.sessions) {
        const recorded = openSession(session, transcript.masterKey)
        const ours = openSession(await answered(running, session), transcript.masterKey)

        expect(meaningsOf(ours)).toEqual(meaningsOf(recorded))
      }
    } finally {
      await running.stop()
      removeRoot(running.root)
    }
  })
})
