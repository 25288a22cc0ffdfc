import type { ValueObject } from '../wire/value.ts'

/** What `config.option` and `config.get` give for options that are set nowhere (Salt's modules/config.py, DEFAULTS, as far as anything here reads them). */
export const CONFIG_DEFAULTS: ValueObject = {
  'mongo.db': 'salt',
  'mongo.password': '',
  'mongo.port': 27017,
  'mongo.user': '',
  'redis.db': '0',
  'redis.host': 'salt',
  'redis.port': 6379,
  'test.foo': 'unconfigured',
  'ca.cert_base_path': '/etc/pki',
  'hosts.file': '/etc/hosts',
  'aliases.file': '/etc/aliases',
}
