// A libp2p host, a Helia and an OrbitDB on top of it, as OrbitDB's README sets them up: identify and pubsub are all the
// services there are. TCP, or websockets alone as a browser has them; bitswap as the only way to get a block.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { noise } from '@chainsafe/libp2p-noise'
import { yamux } from '@chainsafe/libp2p-yamux'
import { bitswap } from '@helia/block-brokers'
import { generateKeyPair, privateKeyFromProtobuf, privateKeyToProtobuf } from '@libp2p/crypto/keys'
import { gossipsub } from '@libp2p/gossipsub'
import { identify } from '@libp2p/identify'
import { ping } from '@libp2p/ping'
import { tcp } from '@libp2p/tcp'
import { webSockets } from '@libp2p/websockets'
import { createOrbitDB, Identities, KeyStore, MemoryStorage } from '@orbitdb/core'
import { MemoryBlockstore } from 'blockstore-core'
import { LevelBlockstore } from 'blockstore-level'
import { MemoryDatastore } from 'datastore-core'
import { LevelDatastore } from 'datastore-level'
import { createHelia } from 'helia'
import { createLibp2p } from 'libp2p'

const TRANSPORTS = {
  tcp: (port) => ({ transports: [tcp()], addresses: { listen: [`/ip4/127.0.0.1/tcp/${port}`] } }),
  websocket: () => ({ transports: [webSockets()] })
}

/** The peer's private key: kept in the directory, so that a restart keeps the peer id. */
async function peerKey (directory) {
  const file = join(directory, 'peer.key')
  try {
    return privateKeyFromProtobuf(await readFile(file))
  } catch (e) {
    if (e.code !== 'ENOENT') throw e
    const key = await generateKeyPair('Ed25519')
    await writeFile(file, privateKeyToProtobuf(key))
    return key
  }
}

async function stores (directory, storage) {
  if (storage === 'memory') return { blockstore: new MemoryBlockstore(), datastore: new MemoryDatastore() }
  const blockstore = new LevelBlockstore(join(directory, 'blocks'))
  const datastore = new LevelDatastore(join(directory, 'data'))
  await blockstore.open()
  await datastore.open()
  return { blockstore, datastore }
}

/**
 * Starts a peer.
 *
 * `directory` holds its keys and, with `storage: 'disk'`, everything else; `port` 0 picks a free one; `identity` is the
 * name under which the root key lies in the key store. `transport` `websocket` dials websockets and listens nowhere.
 * `ping` adds the service that a README's peer does not have.
 */
export async function startNode ({
  directory, port = 0, storage = 'disk', identity = 'js-peer', transport = 'tcp', ping: withPing = false
}) {
  await mkdir(directory, { recursive: true })
  const { blockstore, datastore } = await stores(directory, storage)
  const libp2p = await createLibp2p({
    privateKey: await peerKey(directory),
    datastore,
    ...TRANSPORTS[transport](port),
    connectionEncrypters: [noise()],
    streamMuxers: [yamux()],
    services: {
      identify: identify(),
      pubsub: gossipsub({ allowPublishToZeroTopicPeers: true }),
      ...(withPing ? { ping: ping() } : {})
    }
  })
  const helia = await createHelia({ libp2p, blockstore, datastore, blockBrokers: [bitswap()], routers: [] })
  const keystore = await KeyStore(storage === 'memory'
    ? { storage: await MemoryStorage() }
    : { path: join(directory, 'keystore') })
  const identities = await Identities({ ipfs: helia, keystore })
  const orbitdb = await createOrbitDB({ ipfs: helia, identities, id: identity, directory: join(directory, 'orbitdb') })

  const stop = async () => {
    await orbitdb.stop()
    await helia.stop()
    await blockstore.close?.()
    await datastore.close?.()
  }
  return { directory, storage, libp2p, helia, identities, keystore, orbitdb, identityName: identity, stop }
}
