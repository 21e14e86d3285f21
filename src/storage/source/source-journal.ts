/** The digests of a large file's blocks, which the sender keeps until the file is stored. */
import { createHash } from 'node:crypto';
import { readdir, stat, unlink } from 'node:fs/promises';
import { join } from 'node:path';
import type { SourceJournal } from '../../core/source.js';
import { countFromStart, openJournal, type BlockJournal } from '../disk/block-journal.js';
import type { FoundFile } from '../disk/read-file.js';
import { makePrivateFolder } from '../disk/private-folder.js';

const FOLDER = 'digests';
const SUFFIX = '.digests';
/** The journal is written after this many blocks or this many milliseconds. A crash costs the blocks since then. */
const SAVE_BLOCKS = 32;
const SAVE_MS = 1_000;
/** A journal that has not changed for this many milliseconds is removed. */
const KEEP_MS = 30 * 24 * 60 * 60 * 1000;

/**
 * Makes the journal of a file. It is bound to path, device, inode, size, and the times of modification and of change, so
 * that any change of the file makes it worthless. Each binding has a file of its own: another process that still sends
 * the file as it was before a change adds no digest to the journal of the file as it is now. Its methods never fail:
 * without a journal, the file is read again.
 */
export function createSourceJournal({ file, stats }: FoundFile, stateDir: string): SourceJournal {
  const { dev, ino, size, mtimeNs, ctimeNs } = stats;
  const binding = JSON.stringify([file, dev, ino, size, mtimeNs, ctimeNs].map(String));
  const name = createHash('sha256').update(binding).digest('hex').slice(0, 32);
  let opening: Promise<BlockJournal | undefined> | undefined;
  let noted: [number, bigint][] = [];
  let last = performance.now();
  let writing: Promise<unknown> = Promise.resolve();

  const fileName = `${name}${SUFFIX}`;
  const open = () => (opening ??= openIn(stateDir, fileName, binding));

  function write(): void {
    const batch = noted;
    noted = [];
    last = performance.now();
    writing = writing.then(async () => (await open())?.append(batch)).catch(() => undefined);
  }

  async function end(how: 'close' | 'discard'): Promise<void> {
    if (noted.length > 0 && how === 'close') write();
    await writing;
    const journal = await opening;
    opening = undefined;
    await journal?.[how]().catch(() => undefined);
  }

  return {
    async load() {
      const known = (await open())?.known ?? new Map<number, bigint>();
      return Array.from({ length: countFromStart(known) }, (_, block) => known.get(block) ?? 0n);
    },
    note(block, digest) {
      noted.push([block, digest]);
      if (noted.length >= SAVE_BLOCKS || performance.now() - last >= SAVE_MS) write();
    },
    save: () => end('close'),
    async remove() {
      await end('discard');
      // A file that the receiver had already was not read, so its journal was not opened. An earlier process has left it.
      await unlink(join(stateDir, FOLDER, fileName)).catch(() => undefined);
    },
  };
}

async function openIn(stateDir: string, name: string, binding: string): Promise<BlockJournal | undefined> {
  try {
    const dir = join(stateDir, FOLDER);
    makePrivateFolder(dir);
    await removeOld(dir);
    return await openJournal(join(dir, name), binding);
  } catch {
    return undefined;
  }
}

async function removeOld(dir: string): Promise<void> {
  for (const name of await readdir(dir)) {
    const path = join(dir, name);
    const { mtimeMs } = await stat(path);
    if (name.endsWith(SUFFIX) && Date.now() - mtimeMs > KEEP_MS) await unlink(path);
  }
}
