// Starts a development command on the pinned Node, installing what is missing first.
// Old syntax on purpose: this file itself must run on whatever Node the machine has.
//
//   node scripts/bootstrap.cjs scripts/demo.ts [ARG…]   runs a script of ours
//   node scripts/bootstrap.cjs vitest run [ARG…]        runs a development tool
'use strict'

var childProcess = require('child_process')
var fs = require('fs')
var path = require('path')

var root = path.dirname(__dirname)
var nodeHome = path.join(root, 'node_modules', 'node')
var pinnedNode = path.join(nodeHome, 'bin', 'node')
var installedMark = path.join(root, 'node_modules', '.package-lock.json')

function fail(message) {
  console.error('bootstrap: ' + message)
  process.exit(1)
}

function run(command, args, options) {
  var result = childProcess.spawnSync(command, args, Object.assign({ cwd: root, stdio: 'inherit' }, options))
  if (result.error) fail('cannot start ' + command + ': ' + result.error.message)
  return result
}

/** True when node_modules is missing or older than the lockfile. */
function installNeeded() {
  if (!fs.existsSync(installedMark)) return true
  return fs.statSync(path.join(root, 'package-lock.json')).mtimeMs > fs.statSync(installedMark).mtimeMs
}

function install() {
  console.error('bootstrap: installing the development dependencies (npm ci)')
  // npm prints engine warnings about the machine's own Node, which nothing here runs on.
  var npm = run('npm', ['ci', '--no-audit', '--no-fund', '--loglevel=error'], { stdio: ['ignore', 2, 2] })
  if (npm.status !== 0) fail('npm ci failed; its messages are above')
}

/** Some npm versions skip install scripts without a word, and the one of `node` puts its binary in place. */
function placePinnedNode() {
  if (fs.existsSync(pinnedNode)) return
  var placed = run(process.execPath, ['installArchSpecificPackage.js'], { cwd: nodeHome, stdio: ['ignore', 2, 2] })
  if (placed.status !== 0 || !fs.existsSync(pinnedNode)) {
    fail('the pinned Node is not in place; run "npm rebuild node" and look at its messages')
  }
}

var major = Number(process.versions.node.split('.')[0])
if (major < 20) fail('Node 20 or newer is needed to install the pinned one; this is ' + process.version)
if (process.argv.length < 3) fail('usage: node scripts/bootstrap.cjs SCRIPT.ts|TOOL [ARG…]')

if (installNeeded()) install()
placePinnedNode()

var target = process.argv[2]
var rest = process.argv.slice(3)
var args = target.endsWith('.ts') ? [path.join(root, target)].concat(rest) : null
var env = Object.assign({}, process.env, {
  PATH: path.dirname(pinnedNode) + path.delimiter + path.join(root, 'node_modules', '.bin') + path.delimiter + process.env.PATH,
})
// A tool's launcher starts `node` by name: the path above makes that the pinned one.
var done = args ? run(pinnedNode, args, { env: env }) : run(path.join(root, 'node_modules', '.bin', target), rest, { env: env })
if (done.signal) process.kill(process.pid, done.signal)
process.exit(done.status === null ? 1 : done.status)
