// Reads a backup with IPLD's own libraries, checks every block's hash, and prints what its index leads to as one JSON document.

import { createReadStream } from 'node:fs'
import { CarBlockIterator } from '@ipld/car'
import * as dagCbor from '@ipld/dag-cbor'
import { base58btc } from 'multiformats/bases/base58'
import { equals } from 'multiformats/bytes'
import { sha256 } from 'multiformats/hashes/sha2'

const file = await CarBlockIterator.fromIterable(createReadStream(process.argv[2]))
const [root, ...others] = await file.getRoots()
const blocks = new Map()
for await (const { cid, bytes } of file) {
  const { digest } = await sha256.digest(bytes)
  if (!equals(digest, cid.multihash.digest)) throw new Error(`${cid} does not match its hash`)
  blocks.set(cid.toString(), dagCbor.decode(bytes))
}
const index = blocks.get(root.toString())
const databases = index.databases.map(database => {
  const address = `/orbitdb/${database.manifest.toString(base58btc)}`
  return {
    address,
    name: blocks.get(database.manifest.toString()).name,
    entries: [...blocks.values()].filter(block => block.sig !== undefined && block.id === address).length,
    heads: database.heads.map(head => blocks.get(head.toString()).payload)
  }
})
const closing = [...blocks.values()].at(-1)
console.log(JSON.stringify({ roots: 1 + others.length, blocks: blocks.size, databases, closing: closing.paperclip }))
