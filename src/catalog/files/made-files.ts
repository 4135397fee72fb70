import { chmod, mkdir, mkdtemp, open, readdir, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'

/** Files that are made once, when first asked for, and kept. A file is there whole or not at all. */
export interface MadeFiles {
  /**
   * The file's absolute path. `make` gets the path to write to and a folder for its own use, both gone afterwards;
   * callers who ask at the same time wait for the same one. What it throws reaches all of them, and the next asks anew.
   */
  get(name: string, make: (target: string, workFolder: string) => Promise<void>): Promise<string>
  /** Removes a folder of files. */
  remove(folder: string): Promise<void>
  /** Names of the folders at the top. */
  folders(): Promise<readonly string[]>
  /** Waits for what is being made. */
  settled(): Promise<void>
}

/** Half-made files; emptied at the first use. */
const WORK_FOLDER = '.making'

/** Only the owner can enter what is made here. */
export function createMadeFiles(root: string): MadeFiles {
  const making = new Map<string, Promise<string>>()
  const workRoot = path.join(root, WORK_FOLDER)
  let prepared: Promise<void> | undefined

  async function prepare(): Promise<void> {
    await mkdir(root, { recursive: true, mode: 0o700 })
    await chmod(root, 0o700)
    await rm(workRoot, { recursive: true, force: true })
    await mkdir(workRoot, { mode: 0o700 })
  }

  async function make(file: string, write: (target: string, workFolder: string) => Promise<void>): Promise<string> {
    prepared ??= prepare()
    await prepared.catch((error: unknown) => {
      prepared = undefined
      throw error
    })
    if (await exists(file)) return file
    const folder = await mkdtemp(path.join(workRoot, 'file-'))
    try {
      const target = path.join(folder, 'made')
      await write(target, folder)
      await flush(target)
      await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
      await rename(target, file)
      return file
    } finally {
      await rm(folder, { recursive: true, force: true })
    }
  }

  return {
    get(name, write) {
      const file = path.join(root, name)
      const pending = making.get(file)
      if (pending !== undefined) return pending
      const made = make(file, write).finally(() => making.delete(file))
      making.set(file, made)
      return made
    },

    remove: (folder) => rm(path.join(root, folder), { recursive: true, force: true }),

    async folders() {
      const entries = await readdir(root).catch(() => [])
      return entries.filter((entry) => entry !== WORK_FOLDER)
    },

    async settled() {
      await Promise.allSettled(making.values())
    },
  }
}

async function exists(file: string): Promise<boolean> {
  return (await stat(file).catch(() => null)) !== null
}

/** Before the new name is given: a power failure must not leave the name without the content. */
async function flush(file: string): Promise<void> {
  const handle = await open(file, 'r+')
  try {
    await handle.chmod(0o600)
    await handle.sync()
  } finally {
    await handle.close()
  }
}
