// One JavaScript OrbitDB 2.5 peer on js-libp2p 2.8, set up as Voyager sets up its own: TCP and websockets, noise, yamux,
// identify and gossipsub, no other service. Driven by lines of JSON as `../js/peer.mjs`, with the few commands that the
// tests of the network need.
import { join } from 'node:path'
import { gossipsub } from '@chainsafe/libp2p-gossipsub'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { bitswap } from '@helia/block-brokers'
import { identify } from '@libp2p/identify'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import { multiaddr } from '@multiformats/multiaddr'
import { createOrbitDB, IPFSAccessController } from '@orbitdb/core'
import { createHelia } from 'helia'
import { createLibp2p } from 'libp2p'
import { emit, serve } from '../js/lib/lines.mjs'

let running = null
const open = new Map()

const track = (db) => {
  open.set(db.address, db)
  return { address: db.address, name: db.name, type: db.type, accessController: db.access.address ?? null }
}

async function collect (iterable) {
  const all = []
  for await (const item of iterable) all.push(item)
  return all
}

const commands = {
  async start ({ directory }) {
    const libp2p = await createLibp2p({
      addresses: { listen: ['/ip4/127.0.0.1/tcp/0', '/ip4/127.0.0.1/tcp/0/ws'] },
      transports: [tcp(), webSockets()],
      connectionEncrypters: [noise()],
      streamMuxers: [yamux()],
      services: {
        identify: identify(),
        pubsub: gossipsub({ allowPublishToZeroTopicPeers: true })
      }
    })
    libp2p.addEventListener('peer:disconnect', ({ detail }) => emit({ event: 'disconnect', peer: String(detail) }))
    const helia = await createHelia({ libp2p, blockBrokers: [bitswap()], routers: [] })
    const orbitdb = await createOrbitDB({ ipfs: helia, id: 'js-2.5-peer', directory: join(directory, 'orbitdb') })
    running = { libp2p, helia, orbitdb }
    const { id, publicKey, hash } = orbitdb.identity
    return {
      peerId: libp2p.peerId.toString(),
      addrs: libp2p.getMultiaddrs().map(String),
      identity: { id, publicKey, hash }
    }
  },

  async dial ({ addr }) {
    const connection = await running.libp2p.dial(multiaddr(addr), { signal: AbortSignal.timeout(10_000) })
    return { peerId: connection.remotePeer.toString() }
  },

  async create ({ name, type = 'events', write = ['*'] }) {
    return track(await running.orbitdb.open(name, { type, AccessController: IPFSAccessController({ write }) }))
  },

  async open ({ address }) { return track(await running.orbitdb.open(address)) },

  /** Texts only, which typed notation leaves as they are. */
  async add ({ db, value }) { return { hash: await open.get(db).add(value) } },

  /** The heads, greatest first. */
  async heads ({ db }) { return { heads: (await open.get(db).log.heads()).map(h => h.hash) } },

  /** The whole log, newest first. */
  async hashes ({ db }) { return { hashes: (await collect(open.get(db).log.iterator())).map(e => e.hash) } },

  async stop () {
    const stopping = running
    running = null
    await stopping?.orbitdb.stop()
    await stopping?.helia.stop()
  }
}

serve(commands)
