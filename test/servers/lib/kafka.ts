import { execFile } from 'node:child_process'
import { promisify } from 'node:util'
import { fileURLToPath } from 'node:url'
import { serverCertificate } from './certificate.ts'
import { freePort, type Server, serverDirectory, startServer } from './server.ts'

export interface Kafka extends Server {
  tlsPort: number
  /** Its certificate, its own authority. */
  ca: string
  /** All messages of a topic, as kcat reads them. */
  consume(topic: string): Promise<KafkaMessage[]>
}

export interface KafkaMessage {
  key: string
  payload: string
  partition: number
  headers: string[]
}

const SCRIPT = fileURLToPath(new URL('kafka_mock.py', import.meta.url))
const LARGEST = ['fetch.message.max.bytes=100000000', 'fetch.max.bytes=200000000', 'receive.message.max.bytes=300000000', 'broker.address.family=v4']

/** The mock cluster that comes with librdkafka: one broker, on real ports, that keeps messages in memory. */
export async function startKafka(): Promise<Kafka> {
  const directory = serverDirectory('kafka')
  const [port, tlsPort] = [await freePort(), await freePort()]
  const { cert, key } = serverCertificate(directory)
  const server = await startServer({
    program: 'kafka', directory, port, command: () => ['python3', SCRIPT, String(port), String(tlsPort), cert, key], environment: { PYTHONDONTWRITEBYTECODE: '1' },
  })
  const consume = async (topic: string) => {
    const args = ['-C', '-b', `127.0.0.1:${port}`, '-t', topic, '-o', 'beginning', '-e', '-q', '-J', ...LARGEST.flatMap((one) => ['-X', one])]
    const { stdout } = await promisify(execFile)('kcat', args, { maxBuffer: 500_000_000 })
    return stdout.split('\n').filter((line) => line !== '').map((line) => JSON.parse(line) as KafkaMessage)
  }
  return { ...server, tlsPort, ca: cert, consume }
}
