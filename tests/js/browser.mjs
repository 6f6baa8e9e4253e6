// The app of docs/cookbook/browsers.md in a real Chromium, driven by lines of JSON (lib/lines.mjs). The page's code is taken from
// the book as it stands there, bundled and served as the book says.
import { mkdir, readFile, writeFile } from 'node:fs/promises'
import { basename, join } from 'node:path'
import { context as bundler } from 'esbuild'
import { chromium } from 'playwright-core'
import { emit, serve } from './lib/lines.mjs'

/** How long one step in the browser may take. */
const STEP_MS = 30_000

/** What Chromium does besides showing pages. */
const FLAGS = ['--no-sandbox', '--disable-gpu', '--disable-quic', '--no-first-run', '--disable-background-networking',
  '--disable-component-update', '--disable-sync']

const packages = import.meta.dirname

let running = null

const page = () => {
  if (!running) throw new Error('the browser is not started')
  return running.page
}

/** The files of a page of the book: each js block names its file in its first line, the html block is index.html. */
function filesOf (text) {
  const blocks = [...text.matchAll(/^```(js|html)\n(.*?)^```$/gms)]
  return blocks.map(([, language, body]) => {
    if (language === 'html') return { name: 'index.html', body }
    const name = /^\/\/ (\S+\.js)\n/.exec(body)?.[1]
    if (!name) throw new Error(`a js block does not name its file in its first line:\n${body}`)
    return { name: basename(name), body }
  })
}

/** Fails unless what the page tells its reader to install is what this test runs. */
async function checkVersions (text) {
  const { dependencies, devDependencies } = JSON.parse(await readFile(join(packages, 'package.json'), 'utf8'))
  const here = { ...dependencies, ...devDependencies }
  const told = [...text.matchAll(/\s((?:@[\w-]+\/)?[\w-]+)@(\d+\.\d+\.\d+)/g)].map(([, name, version]) => ({ name, version }))
  const other = told.filter(({ name, version }) => here[name] !== version)
  if (told.length === 0 || other.length > 0) {
    throw new Error(`the page installs other packages than are tested: ${JSON.stringify(other)}`)
  }
}

const commands = {
  /** Takes the app out of the page `book`, serves it and starts the browser at `executable`, all in `directory`. */
  async start ({ book, directory, executable }) {
    const text = await readFile(book, 'utf8')
    await checkVersions(text)
    const site = join(directory, 'site')
    await mkdir(site, { recursive: true })
    for (const { name, body } of filesOf(text)) await writeFile(join(site, name), body)

    const bundle = await bundler({
      absWorkingDir: site,
      entryPoints: ['app.js'],
      bundle: true,
      format: 'esm',
      outfile: 'bundle.js',
      nodePaths: [join(packages, 'node_modules')]
    })
    const { port } = await bundle.serve({ servedir: site, host: '127.0.0.1', port: 0 })
    const browser = await chromium.launchPersistentContext(join(directory, 'profile'), {
      executablePath: executable,
      headless: true,
      args: FLAGS
    })
    browser.setDefaultTimeout(STEP_MS)
    running = { bundle, browser, origin: `http://127.0.0.1:${port}`, page: browser.pages()[0] ?? await browser.newPage() }
    page().on('console', (message) => console.error(`[${message.type()}] ${message.text()}`))
    page().on('pageerror', (error) => emit({ event: 'page-error', error: error.stack ?? String(error) }))
  },

  /** Opens the app with the node at the multiaddress `node`. */
  async open ({ node }) { await page().goto(`${running.origin}/?${new URLSearchParams({ node })}`) },

  /** Types a text and presses the button. */
  async add ({ text }) {
    await page().locator('input[name=text]').fill(text)
    await page().getByRole('button', { name: 'Add' }).click()
  },

  /** What the page shows; identity and address are empty until the database is open. */
  async look () {
    return {
      texts: await page().locator('li').allTextContents(),
      identity: await page().locator('#identity').textContent(),
      address: await page().locator('#address').textContent(),
      links: Number(await page().locator('#links').textContent())
    }
  },

  async stop () {
    const stopping = running
    running = null
    await stopping?.browser.close()
    await stopping?.bundle.dispose()
  }
}

serve(commands)
