import { existsSync } from 'node:fs'
import { expect, test } from 'vitest'
import { describeServer } from './lib/describe-server.ts'
import { startInflux } from './lib/influxdb.ts'
import { startKafka } from './lib/kafka.ts'
import { startMariaDb } from './lib/mariadb.ts'
import { startMosquitto } from './lib/mosquitto.ts'
import { startNats } from './lib/nats.ts'
import { startPostgres } from './lib/postgres.ts'
import type { ProgramName } from './lib/programs.ts'
import { startRabbitMq } from './lib/rabbitmq.ts'
import { startRedis } from './lib/redis.ts'
import { startRsyslog } from './lib/rsyslog.ts'
import { accepts, type Server } from './lib/server.ts'
import { startSmtpSink } from './lib/smtp.ts'

/** Every server that returners are tested on can be taken away and brought back: what all tests of a crash stand on. */
const STARTERS: Readonly<Record<ProgramName, () => Promise<Server>>> = {
  postgres: startPostgres,
  mariadb: startMariaDb,
  redis: () => startRedis(),
  nats: () => startNats(),
  rabbitmq: () => startRabbitMq(),
  mosquitto: () => startMosquitto(),
  kafka: startKafka,
  influxdb: startInflux,
  rsyslog: startRsyslog,
  smtp: startSmtpSink,
}

for (const [name, start] of Object.entries(STARTERS) as [ProgramName, () => Promise<Server>][]) {
  describeServer({ returner: '-', program: name, start }, (server) => {
    test('dies at once, comes back on its port, and leaves nothing behind', async () => {
      const { port, directory } = server()
      expect(await accepts(port)).toBe(true)
      await server().kill()
      expect(await accepts(port)).toBe(false)
      await server().revive()
      expect(await accepts(port)).toBe(true)
      await server().stop()
      expect(await accepts(port)).toBe(false)
      expect(existsSync(directory)).toBe(false)
    }, 120_000)
  })
}
