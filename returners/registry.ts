import type { ReturnerDefinition } from './contract.ts'

/** A built-in returner's module. Its options type is its own business; its schema guards it. */
export interface ReturnerModule {
  default: ReturnerDefinition<unknown>
}

/** The returners that come with Brine, loaded when first used. A test walks the folders, so that none is forgotten. */
export const builtInReturners: Readonly<Record<string, () => Promise<ReturnerModule>>> = {
  exec: () => import('./exec/index.ts'),
  http: () => import('./http/index.ts'),
  influxdb: () => import('./influxdb/index.ts'),
  kafka: () => import('./kafka/index.ts'),
  local: () => import('./local/index.ts'),
  local_cache: () => import('./local_cache/index.ts'),
  mqtt: () => import('./mqtt/index.ts'),
  mysql: () => import('./mysql/index.ts'),
  nats: () => import('./nats/index.ts'),
  pgjsonb: () => import('./pgjsonb/index.ts'),
  postgres: () => import('./postgres/index.ts'),
  rabbitmq: () => import('./rabbitmq/index.ts'),
  rawfile_json: () => import('./rawfile_json/index.ts'),
  slack_webhook: () => import('./slack_webhook/index.ts'),
  smtp: () => import('./smtp/index.ts'),
  splunk: () => import('./splunk/index.ts'),
  redis: () => import('./redis/index.ts'),
  syslog: () => import('./syslog/index.ts'),
  sqlite3: () => import('./sqlite3/index.ts'),
}
