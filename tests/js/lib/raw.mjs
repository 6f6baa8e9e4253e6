// Below OrbitDB's API: single blocks, raw pubsub messages and raw heads streams, for tests of a hostile or broken peer.
import * as dagCbor from '@ipld/dag-cbor'
import { peerIdFromString } from '@libp2p/peer-id'
import { base58btc } from 'multiformats/bases/base58'
import * as Block from 'multiformats/block'
import { CID } from 'multiformats/cid'
import { sha256 } from 'multiformats/hashes/sha2'
import { craftEntry } from './databases.mjs'
import { fromTyped } from './typed.mjs'

const fromHex = (hex) => new Uint8Array(Buffer.from(hex, 'hex'))
const toHex = (bytes) => Buffer.from(bytes).toString('hex')
const sleep = (ms) => new Promise(resolve => setTimeout(resolve, ms))
const headsProtocol = (db) => `/orbitdb/heads${db}`

/** Bytes that may wait in a stream's own queue before the sender waits for it to shrink. */
const QUEUED = 256 * 1024

/**
 * Sends on a stream as fast as the other side reads. `end` says why it stopped: `stopped` when the other side closed,
 * reset or read nothing for `stall` milliseconds, `done` when `chunks` is through.
 */
async function pour (stream, chunks, stall) {
  let sent = 0
  const left = () => stream.writeBufferLength
  for (const bytes of chunks) {
    let before = left()
    let deadline = Date.now() + stall
    while (left() > QUEUED && stream.writeStatus === 'writable') {
      await sleep(10)
      if (left() < before) {
        before = left()
        deadline = Date.now() + stall
      } else if (Date.now() > deadline) {
        return { sent: sent - left(), end: 'stopped' }
      }
    }
    if (stream.writeStatus !== 'writable') return { sent: sent - left(), end: 'stopped' }
    stream.send(bytes)
    sent += bytes.length
  }
  return { sent, end: 'done' }
}

export function rawCommands (peer) {
  const store = async (bytes) => {
    const digest = await sha256.digest(bytes)
    const cid = CID.createV1(dagCbor.code, digest)
    await peer().helia.blockstore.put(cid, bytes)
    return cid.toString(base58btc)
  }

  const dial = (remote, db) => peer().libp2p.dialProtocol(peerIdFromString(remote), headsProtocol(db), {
    signal: AbortSignal.timeout(10_000)
  })

  /** Reads until the remote ends; what came, and whether it ended in order. */
  const drain = async (stream, timeout) => {
    const chunks = []
    const read = async () => {
      try {
        for await (const chunk of stream) chunks.push(toHex(chunk.subarray()))
        return 'fin'
      } catch {
        return 'reset'
      }
    }
    const end = await Promise.race([read(), sleep(timeout).then(() => 'timeout')])
    return { received: chunks, end: stream.status === 'reset' ? 'reset' : end }
  }

  return {
    async putBlock ({ hex }) { return { hash: await store(fromHex(hex)) } },

    /** A block by hash, over bitswap when it is not here. */
    async getBlock ({ hash, timeout = 30_000 }) {
      const chunks = []
      const signal = AbortSignal.timeout(timeout)
      for await (const chunk of peer().helia.blockstore.get(CID.parse(hash, base58btc), { signal })) chunks.push(chunk)
      return { hex: toHex(Buffer.concat(chunks)) }
    },

    async hasBlock ({ hash }) { return { has: await peer().helia.blockstore.has(CID.parse(hash, base58btc)) } },

    async blocks () {
      const hashes = []
      for await (const { cid } of peer().helia.blockstore.getAll()) hashes.push(cid.toString(base58btc))
      return { hashes }
    },

    async encode ({ value }) {
      const { bytes, cid } = await Block.encode({ value: fromTyped(value), codec: dagCbor, hasher: sha256 })
      return { hex: toHex(bytes), hash: cid.toString(base58btc) }
    },

    /** What becomes of a block that is decoded and encoded again, as for the check of a signature; null when that fails. */
    async recode ({ hex }) {
      try {
        return { hex: toHex(dagCbor.encode(dagCbor.decode(fromHex(hex)))) }
      } catch {
        return { hex: null }
      }
    },

    /**
     * Signs an entry as it is asked for, without any log: `identity` names a key of this peer's key store (made when
     * new), `namedIdentity` the identity hash that the entry claims. The entry's block and the identity's are stored.
     */
    async craft ({ identity = peer().identityName, logId, payload, time = 1, clockId, next, refs, namedIdentity }) {
      const signer = await peer().identities.createIdentity({ id: identity })
      const claimed = namedIdentity ? { ...signer, hash: namedIdentity } : signer
      const { hash, bytes } = await craftEntry(claimed, {
        logId, payload: fromTyped(payload), time, clockId, next, refs
      })
      await store(bytes)
      return { hash, hex: toHex(bytes), identityId: signer.id, identityHash: signer.hash, identityHex: toHex(signer.bytes) }
    },

    async publish ({ topic, hex }) {
      const { recipients } = await peer().libp2p.services.pubsub.publish(topic, fromHex(hex))
      return { recipients: recipients.map(String) }
    },

    /** Publishes messages of junk as fast as it can. Tells how many of them somebody was there to hear. */
    async junkMessages ({ topic, count }) {
      const { pubsub } = peer().libp2p.services
      const encoder = new TextEncoder()
      let heard = 0
      for (let n = 0; n < count; n++) {
        const { recipients } = await pubsub.publish(topic, encoder.encode(`junk ${n}`)).catch(() => ({ recipients: [] }))
        if (recipients.length > 0) heard++
      }
      return { heard }
    },

    async subscribe ({ topic }) { peer().libp2p.services.pubsub.subscribe(topic) },

    async subscribers ({ topic }) {
      return { peers: peer().libp2p.services.pubsub.getSubscribers(topic).map(String) }
    },

    /** Opens a heads stream, sends the frames one by one, closes or holds the write half, reads what comes. */
    async sendHeads ({ remote, db, frames, pause = 0, close = true, timeout = 10_000 }) {
      const stream = await dial(remote, db)
      for (const hex of frames) {
        const { end } = await pour(stream, [fromHex(hex)], timeout)
        if (end === 'stopped') break
        if (pause > 0) await sleep(pause)
      }
      const reading = drain(stream, timeout)
      if (close) await stream.close().catch(() => {})
      const result = await reading
      if (!close) stream.abort(new Error('done holding'))
      return result
    },

    /** Sends a chunk on a heads stream again and again until the remote stops it or `limit` bytes have gone. */
    async floodHeads ({ remote, db, chunkHex, limit, stall = 3_000 }) {
      const stream = await dial(remote, db)
      stream.addEventListener('message', () => {})
      const bytes = fromHex(chunkHex)
      const result = await pour(stream, Array(Math.ceil(limit / bytes.length)).fill(bytes), stall)
      stream.abort(new Error('flood over'))
      return result
    },

    /** Sends well-signed heads, each with a parent of its own that exists nowhere, all on one stream. */
    async junkHeads ({ remote, db, first, count, identity = peer().identityName, stall = 3_000 }) {
      const signer = await peer().identities.createIdentity({ id: identity })
      const heads = []
      for (let n = first; n < first + count; n++) {
        const payload = { op: 'ADD', key: null, value: `junk ${n}` }
        const nowhere = (await Block.encode({ value: { nowhere: n }, codec: dagCbor, hasher: sha256 })).cid
        const next = [nowhere.toString(base58btc)]
        heads.push((await craftEntry(signer, { logId: db, payload, time: 2 + n, next })).bytes)
      }
      const stream = await dial(remote, db)
      stream.addEventListener('message', () => {})
      const result = await pour(stream, heads, stall)
      await stream.close({ signal: AbortSignal.timeout(1_000) }).catch(() => {})
      return result
    },

    /** Answers every heads stream of the database with these frames, closing it or holding it open. */
    async serveHeads ({ db, frames, close = true }) {
      await peer().libp2p.handle(headsProtocol(db), async (stream) => {
        stream.addEventListener('message', () => {})
        for (const hex of frames) stream.send(fromHex(hex))
        if (close) await stream.close().catch(() => {})
      }, { force: true })
      peer().libp2p.services.pubsub.subscribe(db)
    }
  }
}
