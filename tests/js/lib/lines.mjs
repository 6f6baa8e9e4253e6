// Commands as lines of JSON: `{id, cmd, ...}` on standard input is answered by `{id, ok: true, ...}` or `{id, error}` on standard
// output; `{event, ...}` lines come unasked. Logs go to standard error.
import { createInterface } from 'node:readline'

console.log = console.error

export const emit = (line) => process.stdout.write(JSON.stringify(line) + '\n')

/** Answers requests with the function of that name in `commands` until standard input ends, then calls `commands.stop`. */
export function serve (commands) {
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
    .on('close', () => commands.stop().finally(() => process.exit(0)))
}
