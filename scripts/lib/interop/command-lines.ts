/** Command lines of Salt that are run for a stock minion and for ours: what they print and their exit codes must be alike. */
export interface CommandLine {
  command: 'salt' | 'salt-run' | 'salt-cp'
  /** `{id}` stands for the minion's id. */
  args: readonly string[]
  /** Lines that are left out of the comparison: what changes with every run. */
  without?: RegExp
}

const line = (command: CommandLine['command'], args: string[], without?: RegExp): CommandLine => ({ command, args, ...(without === undefined ? {} : { without }) })
const salt = (...args: string[]): CommandLine => line('salt', args)

/** In these forms `salt` can show a return. */
const OUTS = ['nested', 'json', 'yaml', 'txt', 'raw', 'pprint', 'key', 'newline_values_only', 'quiet', 'no_return', 'highstate', 'table', 'nosuch']

export const COMMAND_LINES: readonly CommandLine[] = [
  salt('{id}', 'test.ping'),
  salt('-v', '{id}', 'test.ping'),
  salt('--static', '{id}', 'test.ping'),
  salt('--summary', '{id}', 'test.ping'),
  salt('--show-jid', '{id}', 'test.ping'),
  salt('--show-timeout', '{id}', 'test.ping'),
  salt('--hide-timeout', '{id}', 'test.ping'),
  salt('--no-color', '{id}', 'test.arg_clean', 'a', 'b=1', 'c=[1, 2]'),
  salt('--out-indent=2', '--out=json', '{id}', 'test.arg_clean', 'a'),
  ...OUTS.map((out) => salt(`--out=${out}`, '{id}', 'test.echo', '{"a": [1, "x", null, true], "b": {"c": "two\\nlines"}}')),
  salt('--out=json', '--static', '{id}', 'test.echo', '[1, 2]'),
  salt('{id}', 'cmd.run', 'echo out; echo err >&2', 'python_shell=True'),
  salt('{id}', 'cmd.run', 'exit 3', 'python_shell=True'),
  salt('--static', '{id}', 'cmd.retcode', 'exit 3', 'python_shell=True'),
  salt('{id}', 'no.such'),
  salt('{id}', 'test.echo', 'a', 'nosuch=1'),
  salt('{id}', 'grains.item', 'os', 'os_family'),
  salt('{id}', 'test.ping,test.echo', ',', 'hello'),
  salt('{id}', 'test.ping,test.retcode', ',', '3'),
  salt('--batch', '1', '{id}', 'test.ping'),
  salt('--batch', '50%', '{id}', 'test.echo', 'x'),
  salt('--subset', '1', '{id}', 'test.ping'),
  salt('-t', '1', '{id}', 'cmd.run', 'sleep 3; echo done', 'python_shell=True'),
  salt('-v', '-t', '1', '{id}', 'test.sleep', '3'),
  salt('--metadata', '{"from": "here"}', '{id}', 'test.ping'),
  salt('-E', '^{id}$', 'test.ping'),
  salt('-L', '{id},nobody', 'test.ping'),
  salt('-C', '{id} and G@role:interop and not I@no:such', 'test.ping'),
  salt('-C', 'L@{id} and S@127.0.0.0/8 and I@greeting:grüß* and N@mine', 'test.ping'),
  salt('nobody', 'test.ping'),
  line('salt-cp', ['{id}', '/etc/hostname', '/tmp/interop-{id}']),
  line('salt-cp', ['--chunked', '{id}', '/etc/hostname', '/tmp/interop-{id}']),
  line('salt-run', ['manage.status', 'tgt={id}']),
  line('salt-run', ['manage.up', 'tgt={id}']),
  line('salt-run', ['manage.down', 'tgt={id}']),
  line('salt-run', ['jobs.active']),
]
