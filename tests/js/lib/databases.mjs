// Commands on OrbitDB databases, each a thin call of the public API of @orbitdb/core.
import {
  Documents, Entry, Events, IPFSAccessController, KeyValueIndexed, MemoryStorage, OrbitDBAccessController,
  useDatabaseType
} from '@orbitdb/core'
import { fromTyped, toTyped } from './typed.mjs'

/** A type that an app brings itself: operations of its own, all of their values shown. */
const Lists = () => async (options) => {
  const { add, ...events } = await Events()(options)
  return { ...events, type: 'lists', push: (value) => events.addOperation({ op: 'PUSH', key: 'list', value }) }
}
Lists.type = 'lists'
useDatabaseType(Lists)

/** What apps give `open` as `Database`, as OrbitDB's API documentation shows; the manifest's type is then `events`. */
const DATABASES = { Documents, KeyValueIndexed, Lists }

const CONTROLLERS = { ipfs: IPFSAccessController, orbitdb: OrbitDBAccessController }

/** An entry as the Rust side reads it: JSON where that is exact, typed notation for the payload. */
export function entryJson (entry) {
  const { hash, id, next, refs, clock, v, key, identity, sig } = entry
  return { hash, id, next, refs, clock, v, key, identity, sig, payload: toTyped(entry.payload) }
}

/** A writer's copy of a log entry, hashed but not yet joined. */
export async function craftEntry (identity, { logId, payload, time, clockId, next = [], refs = [] }) {
  const clock = { id: clockId ?? identity.publicKey, time }
  const entry = await Entry.create(identity, logId, payload, null, clock, next, refs)
  const { hash, bytes } = await Entry.encode(entry)
  return { entry: { ...entry, hash }, hash, bytes }
}

async function collect (iterable) {
  const all = []
  for await (const item of iterable) all.push(item)
  return all
}

/** The databases that are open here, by address. */
export function openDatabases () {
  const open = new Map()
  const find = (address) => {
    const db = open.get(address)
    if (!db) throw new Error(`database ${address} is not open here`)
    return db
  }
  return { open, find }
}

export function databaseCommands (peer, { open, find }, emit) {
  const track = (db) => {
    if (!open.has(db.address)) {
      open.set(db.address, db)
      db.events.on('join', (remote, heads) =>
        emit({ event: 'join', db: db.address, peer: String(remote), heads: heads.map(h => h.hash) }))
      db.events.on('leave', (remote) => emit({ event: 'leave', db: db.address, peer: String(remote) }))
      db.events.on('update', (entry) => emit({ event: 'update', db: db.address, hash: entry.hash }))
      db.events.on('error', (error) => emit({ event: 'error', db: db.address, error: String(error) }))
    }
    return { address: db.address, name: db.name, type: db.type, accessController: db.access.address ?? null }
  }

  const storageOptions = async () => peer().storage === 'memory'
    ? { headsStorage: await MemoryStorage(), indexStorage: await MemoryStorage() }
    : {}

  const rows = (list) => list.map(({ hash, key, value }) =>
    ({ hash, key: key === undefined ? null : String(key), value: toTyped(value) }))

  return {
    async create ({ name, type, database, write, accessController = 'ipfs', meta, indexBy, sync }) {
      const options = { sync, ...await storageOptions() }
      if (type) options.type = type
      options.AccessController = CONTROLLERS[accessController]({ write: write ?? [peer().orbitdb.identity.id] })
      if (meta !== undefined) options.meta = fromTyped(meta)
      if (database) options.Database = DATABASES[database]({ indexBy })
      else if (indexBy) options.Database = Documents({ indexBy })
      return track(await peer().orbitdb.open(name, options))
    },

    async open ({ address, sync, timeout = 30_000 }) {
      const signal = AbortSignal.timeout(timeout)
      return track(await peer().orbitdb.open(address, { sync, signal, ...await storageOptions() }))
    },

    async close ({ db }) {
      await find(db).close()
      open.delete(db)
    },

    /** Starts replication of a database that was opened with `sync: false`. */
    async sync ({ db }) { await find(db).sync.start() },

    async add ({ db, value }) { return { hash: await find(db).add(fromTyped(value)) } },

    async addMany ({ db, values }) {
      const hashes = []
      for (const value of values) hashes.push(await find(db).add(fromTyped(value)))
      return { hashes }
    },

    /** Appends any operation, as databases of an app's own types do. */
    async operate ({ db, operation }) { return { hash: await find(db).addOperation(fromTyped(operation)) } },

    async put ({ db, key, value }) {
      const database = find(db)
      const plain = fromTyped(value)
      return { hash: await (database.type === 'documents' ? database.put(plain) : database.put(key, plain)) }
    },

    async del ({ db, key }) { return { hash: await find(db).del(key) } },

    async get ({ db, key }) {
      const database = find(db)
      const found = await database.get(key)
      return { value: toTyped(database.type === 'documents' ? found?.value : found) }
    },

    /** Oldest first, as OrbitDB's `all()`. */
    async all ({ db }) { return { rows: rows(await find(db).all()) } },

    /** Newest first; `options` are gt, gte, lt, lte, amount. */
    async iterate ({ db, options = {} }) { return { rows: rows(await collect(find(db).iterator(options))) } },

    /** The heads, greatest first. */
    async heads ({ db }) { return { heads: (await find(db).log.heads()).map(h => h.hash) } },

    /** The whole log, newest first. */
    async entries ({ db }) { return { entries: (await collect(find(db).log.iterator())).map(entryJson) } },

    async hashes ({ db }) { return { hashes: (await collect(find(db).log.iterator())).map(e => e.hash) } },

    async entry ({ db, hash }) { return { entry: entryJson(await find(db).log.get(hash)) } },

    /** The peers that this database counts as its own. */
    async dbPeers ({ db }) { return { peers: [...find(db).peers] } },

    async grant ({ db, capability, identity }) { await find(db).access.grant(capability, identity) },

    async revoke ({ db, capability, identity }) { await find(db).access.revoke(capability, identity) },

    async capabilities ({ db }) {
      const sets = await find(db).access.capabilities()
      return { capabilities: Object.fromEntries(Object.entries(sets).map(([k, ids]) => [k, [...ids].sort()])) }
    },

    /** `count` concurrent entries by `count` writers on top of the present heads: that many heads at once. */
    async fork ({ db, count, label = 'fork' }) {
      const { log } = find(db)
      const heads = await log.heads()
      const time = heads.reduce((most, head) => Math.max(most, head.clock.time), 0) + 1
      const hashes = []
      for (let n = 0; n < count; n++) {
        const identity = await peer().identities.createIdentity({ id: `${label}-${n}` })
        const payload = { op: 'ADD', key: null, value: `${label} ${n}` }
        const { entry } = await craftEntry(identity, { logId: db, payload, time, next: heads.map(h => h.hash) })
        await log.joinEntry(entry)
        hashes.push(entry.hash)
      }
      return { hashes }
    }
  }
}
