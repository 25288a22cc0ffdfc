import type { ReturnItem, ReturnRecord } from '../../returners/contract.ts'
import { PermanentError } from '../../returners/contract.ts'
import { recordOf } from '../wire/json.ts'
import type { WireItem } from './protocol.ts'

/** Version of the rules below, kept with each delivery. */
export const viewVersion = 1

/** What a destination gets of a stored return: the stored bytes never change, this is derived from them. */
export interface View {
  /** A return whose stored form is larger loses its `return`, marked. Bytes. */
  maxRecordBytes: number
}

/**
 * The item a returner gets for a stored return.
 *
 * @throws PermanentError when the stored bytes are not a return: no later attempt can read them either.
 */
export function viewItem({ key, body }: WireItem, view: View): ReturnItem {
  const { record, json } = readRecord(body)
  if (body.byteLength <= view.maxRecordBytes) return { key, ret: record, json }
  const cut: ReturnRecord = {
    ...record,
    return:
      `The return of ${body.byteLength} bytes was left out here: the limit is ${view.maxRecordBytes}. ` +
      `The minion keeps the whole for a while: run "brine outbox show ${record.jid} --values" there.`,
  }
  return { key, ret: cut, json: JSON.stringify(cut) }
}

function readRecord(body: Uint8Array): { record: ReturnRecord; json: string } {
  try {
    return recordOf(body)
  } catch (error) {
    throw new PermanentError(`the stored return cannot be read: ${error instanceof Error ? error.message : String(error)}`, { cause: error })
  }
}
