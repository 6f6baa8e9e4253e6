// One JavaScript OrbitDB peer, driven by lines of JSON: `{id, cmd, ...}` on standard input is answered by `{id, ok: true, ...}`
// or `{id, error}` on standard output; `{event, ...}` lines come unasked. Logs go to standard error.
import { createInterface } from 'node:readline'
import { multiaddr } from '@multiformats/multiaddr'
import { peerIdFromString } from '@libp2p/peer-id'
import { databaseCommands, openDatabases } from './lib/databases.mjs'
import { measureCommands } from './lib/measure.mjs'
import { startNode } from './lib/node.mjs'
import { rawCommands } from './lib/raw.mjs'
import { weaveCommands } from './lib/weave.mjs'

console.log = console.error

let running = null

const peer = () => {
  if (!running) throw new Error('the peer is not started')
  return running
}

const emit = (line) => process.stdout.write(JSON.stringify(line) + '\n')

const hex = (bytes) => Buffer.from(bytes).toString('hex')

const host = {
  async start (options) {
    if (running) throw new Error('the peer is already started')
    running = await startNode(options)
    return host.info()
  },

  async info () {
    const { libp2p, orbitdb } = peer()
    const { id, publicKey, hash, signatures, type } = orbitdb.identity
    return {
      peerId: libp2p.peerId.toString(),
      addrs: libp2p.getMultiaddrs().map(String),
      identity: { id, publicKey, hash, signatures, type },
      node: process.version
    }
  },

  async dial ({ addr }) {
    const connection = await peer().libp2p.dial(multiaddr(addr), { signal: AbortSignal.timeout(10_000) })
    return { peerId: connection.remotePeer.toString() }
  },

  async hangup ({ peerId }) { await peer().libp2p.hangUp(peerIdFromString(peerId)) },

  async peers () { return { peers: peer().libp2p.getPeers().map(String) } },

  /** The private keys, root and signing, so that another implementation can be this writer. */
  async keys () {
    const { keystore, orbitdb, identityName } = peer()
    const root = await keystore.getKey(identityName)
    const signing = await keystore.getKey(orbitdb.identity.id)
    return { root: hex(root.raw), signing: hex(signing.raw) }
  },

  async memory () { return process.memoryUsage() },

  async stop () {
    const stopping = running
    running = null
    databases.open.clear()
    await stopping?.stop()
  }
}

const databases = openDatabases()

const commands = {
  ...host,
  ...databaseCommands(peer, databases, emit),
  ...rawCommands(peer),
  ...measureCommands(databases.find),
  ...weaveCommands(peer, databases.find)
}

async function answer (line) {
  let id = null
  try {
    const request = JSON.parse(line)
    id = request.id
    const command = Object.hasOwn(commands, request.cmd) ? commands[request.cmd] : null
    if (!command) throw new Error(`unknown command ${request.cmd}`)
    emit({ id, ok: true, ...await command(request) })
  } catch (error) {
    emit({ id, error: error?.stack ?? String(error) })
  }
}

process.on('unhandledRejection', (error) => console.error('unhandled rejection:', error))

createInterface({ input: process.stdin })
  .on('line', answer)
  .on('close', () => host.stop().finally(() => process.exit(0)))
