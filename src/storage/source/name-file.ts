/** The names of a long list. They lie in a file without a name, so that memory does not grow with the list. */
import { closeSync, openSync, readSync, unlinkSync, writeSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { createNameList as createInMemory, type NameList } from '../../core/name-list.js';
import { makePrivateFolder } from '../disk/private-folder.js';

/** Names that stay in memory. */
const FEW = 10_000;
const PIECE_BYTES = 64 * 1024;
/** No name of a file can hold it. */
const END = '\0';

/** `stateDir`: where the file is made. Without it, and where no file can be made, all names stay in memory. */
export function createNameList(stateDir: string | undefined, few = FEW): NameList {
  const first = createInMemory();
  let count = 0;
  let rest: NameList | undefined;
  return {
    add(name) {
      count += 1;
      if (count > few) rest ??= openRest(stateDir);
      (rest ?? first).add(name);
    },
    async *names() {
      yield* first.names();
      if (rest) yield* rest.names();
    },
    close: () => rest?.close(),
  };
}

function openRest(stateDir: string | undefined): NameList {
  try {
    return stateDir === undefined ? createInMemory() : createInFile(openUnnamed(stateDir));
  } catch {
    return createInMemory();
  }
}

/** A file that is gone when it is closed, whatever becomes of the process. */
function openUnnamed(stateDir: string): number {
  makePrivateFolder(stateDir);
  const path = join(stateDir, `list-${randomBytes(8).toString('hex')}`);
  const file = openSync(path, 'wx+', 0o600);
  unlinkSync(path);
  return file;
}

function createInFile(file: number): NameList {
  let isOpen = true;
  let waiting: string[] = [];
  let chars = 0;

  function write(): void {
    const bytes = Buffer.from(waiting.join(''));
    [waiting, chars] = [[], 0];
    for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
  }

  return {
    add(name) {
      waiting.push(name, END);
      chars += name.length;
      if (chars >= PIECE_BYTES) write();
    },
    async *names() {
      write();
      for (const name of readNames(file)) yield await Promise.resolve(name);
    },
    close() {
      if (isOpen) closeSync(file);
      isOpen = false;
    },
  };
}

function* readNames(file: number): Generator<string> {
  const piece = Buffer.allocUnsafe(PIECE_BYTES);
  let begun: Buffer = Buffer.alloc(0);
  for (let at = 0, read; (read = readSync(file, piece, 0, PIECE_BYTES, at)) > 0; at += read) {
    const bytes = Buffer.concat([begun, piece.subarray(0, read)]);
    const end = bytes.lastIndexOf(END) + 1;
    yield* bytes.toString('utf8', 0, end).split(END).slice(0, -1);
    begun = bytes.subarray(end);
  }
}
