// Values in the typed notation of the wire document, section 16: what JSON alone would blur (integers and floats,
// bytes, integers past 2^53, the order of map keys) survives the pipe.
import { CID } from 'multiformats/cid'

/** A JavaScript value as typed notation. */
export function toTyped (value) {
  if (value === null || value === undefined) return null
  if (typeof value === 'boolean' || typeof value === 'string') return value
  if (typeof value === 'bigint') return { int: String(value) }
  if (typeof value === 'number') return Number.isSafeInteger(value) ? { int: String(value) } : { f64: String(value) }
  if (value instanceof Uint8Array) return { bytes: Buffer.from(value).toString('hex') }
  if (Array.isArray(value)) return { list: value.map(toTyped) }
  const cid = CID.asCID(value)
  if (cid) return { cid: cid.toString() }
  return { map: Object.entries(value).map(([k, v]) => [k, toTyped(v)]) }
}

/** The JavaScript value that typed notation names. */
export function fromTyped (typed) {
  if (typed === null || typeof typed === 'boolean' || typeof typed === 'string') return typed
  if ('int' in typed) {
    const big = BigInt(typed.int)
    return Number.isSafeInteger(Number(big)) ? Number(big) : big
  }
  if ('f64' in typed) return Number(typed.f64)
  if ('bytes' in typed) return new Uint8Array(Buffer.from(typed.bytes, 'hex'))
  if ('cid' in typed) return CID.parse(typed.cid)
  if ('list' in typed) return typed.list.map(fromTyped)
  if ('map' in typed) return Object.fromEntries(typed.map.map(([k, v]) => [k, fromTyped(v)]))
  throw new Error(`not typed notation: ${JSON.stringify(typed)}`)
}
