// Measured work: loops that run inside this process, so that the pipe to the driver is no part of the figure.
import { fromTyped } from './typed.mjs'

/** Runs `work` and answers with how long it took, in milliseconds. */
async function timed (work) {
  const start = performance.now()
  const result = await work()
  return { ms: performance.now() - start, ...result }
}

export function measureCommands (find) {
  return {
    /** Appends `count` copies of a value, one after another: OrbitDB queues them anyway. */
    async measureAppend ({ db, count, value }) {
      const database = find(db)
      const plain = fromTyped(value)
      return timed(async () => {
        for (let n = 0; n < count; n++) await database.add(plain)
      })
    },

    /** Puts `count` keys, `key-0` onwards. */
    async measurePut ({ db, count, value }) {
      const database = find(db)
      const plain = fromTyped(value)
      return timed(async () => {
        for (let n = 0; n < count; n++) await database.put(`key-${n}`, plain)
      })
    },

    /** Gets the named keys one after another. */
    async measureGet ({ db, keys }) {
      const database = find(db)
      return timed(async () => {
        for (const key of keys) {
          if (await database.get(key) === undefined) throw new Error(`${key} is missing`)
        }
      })
    },

    /** Walks the whole log. */
    async measureIterate ({ db }) {
      const database = find(db)
      return timed(async () => {
        let count = 0
        for await (const entry of database.iterator()) if (entry.hash) count++
        return { count }
      })
    },

    /** Answers once `hash` is a head, which is when all below it has been joined. */
    async awaitHead ({ db, hash }) {
      const database = find(db)
      return timed(async () => {
        const isThere = async () => (await database.log.heads()).some(head => head.hash === hash)
        if (await isThere()) return
        await new Promise((resolve) => {
          const check = async () => {
            if (!await isThere()) return
            database.events.off('update', check)
            resolve()
          }
          database.events.on('update', check)
          check()
        })
      })
    }
  }
}
