// One JavaScript OrbitDB peer, driven by lines of JSON (lib/lines.mjs).
import { multiaddr } from '@multiformats/multiaddr'
import { peerIdFromString } from '@libp2p/peer-id'
import { databaseCommands, openDatabases } from './lib/databases.mjs'
import { emit, serve } from './lib/lines.mjs'
import { measureCommands } from './lib/measure.mjs'
import { startNode } from './lib/node.mjs'
import { rawCommands } from './lib/raw.mjs'
import { weaveCommands } from './lib/weave.mjs'

let running = null

const peer = () => {
  if (!running) throw new Error('the peer is not started')
  return running
}

const hex = (bytes) => Buffer.from(bytes).toString('hex')

const host = {
  async start (options) {
    if (running) throw new Error('the peer is already started')
    running = await startNode(options)
    running.libp2p.addEventListener('peer:disconnect', ({ detail }) => emit({ event: 'disconnect', peer: String(detail) }))
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

  /** Milliseconds of one round trip; only a peer that was started with `ping: true` has the service. */
  async ping ({ addr }) { return { ms: await peer().libp2p.services.ping.ping(multiaddr(addr)) } },

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

serve({
  ...host,
  ...databaseCommands(peer, databases, emit),
  ...rawCommands(peer),
  ...measureCommands(databases.find),
  ...weaveCommands(peer, databases.find)
})
