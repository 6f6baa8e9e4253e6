// Random histories: several writers with replicas of their own that append and join each other in an order drawn from a
// seed, as if over a bad network. What comes out is real OrbitDB data of a shape nobody thought of.
import { IPFSBlockStorage, Log } from '@orbitdb/core'

const KEYS = ['a', 'b', 'c', 'd', 'e']

/** Numbers from 0 to 1 that depend on the seed alone (mulberry32). */
function randomFrom (seed) {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4294967296
  }
}

function operation (type, random, n) {
  if (type === 'events') return { op: 'ADD', key: null, value: { n } }
  const key = KEYS[Math.floor(random() * KEYS.length)]
  return random() < 0.25 ? { op: 'DEL', key, value: null } : { op: 'PUT', key, value: { n } }
}

export function weaveCommands (peer, find) {
  return {
    /** Adds `steps` random appends by `writers` writers, starting from what the database holds. */
    async weave ({ db, writers, steps, seed }) {
      const database = find(db)
      const random = randomFrom(seed)
      const entryStorage = await IPFSBlockStorage({ ipfs: peer().helia })
      const replicas = []
      for (let n = 0; n < writers; n++) {
        const identity = await peer().identities.createIdentity({ id: `weaver-${n}` })
        const replica = await Log(identity, { logId: db, access: database.access, entryStorage })
        for (const head of await database.log.heads()) await replica.joinEntry(head)
        replicas.push(replica)
      }
      const pick = () => replicas[Math.floor(random() * writers)]
      for (let n = 0; n < steps; n++) {
        const replica = pick()
        if (random() < 0.3) {
          for (const head of await pick().heads()) await replica.joinEntry(head)
        }
        await replica.append(operation(database.type, random, n), { referencesCount: 16 })
      }
      for (const replica of replicas) {
        for (const head of await replica.heads()) await database.log.joinEntry(head)
      }
    },

    /** Every block of the log and of the identities it names, as hex. */
    async logBlocks ({ db }) {
      const { log } = find(db)
      const hashes = new Set()
      for await (const entry of log.iterator()) hashes.add(entry.hash).add(entry.identity)
      const storage = await IPFSBlockStorage({ ipfs: peer().helia })
      const blocks = []
      for (const hash of hashes) blocks.push(Buffer.from(await storage.get(hash)).toString('hex'))
      return { blocks }
    }
  }
}
