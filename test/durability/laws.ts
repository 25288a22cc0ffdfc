/** The lines of docs/durability.md: what each protects against, and with what it is attacked. The proofs are in mutations-*.json. */
export interface Law {
  law: string
  promise: string
  fault: string
  tool: string
}

export const laws: Law[] = [
  { law: '1', promise: 'received and started rows are durable before waiting and running', fault: 'crash, power loss', tool: 'strace order, kill -9' },
  { law: '2', promise: 'accepted before the first byte goes to anyone', fault: 'crash, power loss', tool: 'order of calls, kill -9' },
  { law: '3', promise: 'group commit without a timer', fault: 'burst, lone return', tool: 'strace counts' },
  { law: '4', promise: 'synchronous, journal mode and SQLite version are read back', fault: 'wrong build, wrong file system', tool: 'injected answers' },
  { law: '5', promise: 'private, locked to one process, one writer', fault: 'second process, curious user', tool: 'real processes' },
  { law: '6', promise: 'the same jid never runs twice, across restarts', fault: 'replay, failover, restart', tool: 'real store, reopen' },
  { law: '7', promise: 'an interrupted job yields one terminal return', fault: 'kill -9, reboot', tool: 'kill -9, surviving process' },
  { law: '8', promise: 'SIGTERM loses nothing', fault: 'stop, upgrade', tool: 'real process, signals' },
  { law: '9', promise: 'questions leave no rows and are answered at once', fault: 'full queue', tool: 'real jobs' },
  { law: '10', promise: 'settled only by an acknowledgement', fault: 'lost reply, refusing master', tool: 'scripted destination' },
  { law: '11', promise: 'the stored bytes never change', fault: 'envelope, view', tool: 'byte comparison' },
  { law: '12', promise: 'the master is a destination, first in priority', fault: 'configuration', tool: 'routing' },
  { law: '13', promise: 'one bad destination delays no other', fault: 'hang, crash, leak', tool: 'hostile returners, clock' },
  { law: '14', promise: 'full-jitter backoff, capped, for ever; one probe', fault: 'long outage, stampede', tool: 'injected clock, properties' },
  { law: '15', promise: 'only a permanent fault makes a dead letter', fault: 'credentials, poison item', tool: 'scripted destination' },
  { law: '16', promise: 'dead letters are kept, listed, exported, replayed', fault: 'poison item', tool: 'command line' },
  { law: '17', promise: 'fresh first, backlog at least a fifth, set aside what fails', fault: 'backlog, poison item', tool: 'injected clock, properties' },
  { law: '18', promise: 'a destination without configuration is paused', fault: 'changed configuration', tool: 'real store' },
  { law: '19', promise: 'bytes, rows and age are bounded', fault: 'endless outage', tool: 'real store' },
  { law: '20', promise: 'a drop is chosen, recorded and told', fault: 'full bound', tool: 'real store' },
  { law: '21', promise: 'the books balance', fault: 'any sequence of events', tool: 'model-based test' },
  { law: '22', promise: 'memory does not grow with the backlog; space comes back', fault: 'large backlog', tool: 'real store' },
  { law: '23', promise: 'a store that cannot write neither kills nor lies', fault: 'disk full', tool: 'limited file system' },
  { law: '24', promise: 'after an I/O error nothing is assumed written', fault: 'fsync error', tool: 'injected error' },
  { law: '25', promise: 'damage is found, set aside and counted', fault: 'flipped bytes', tool: 'damaged files' },
  { law: '26', promise: 'a wrong clock loses and storms nothing', fault: 'clock step, a standstill', tool: 'injected clock' },
  { law: '27', promise: 'the outbox commands work with and without the agent', fault: 'agent down', tool: 'command line' },
  { law: '28', promise: 'this page says when something can still be lost or sent twice', fault: 'stale page', tool: 'page test' },
]
