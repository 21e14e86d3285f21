/** A Source without a disk, for session tests; held to the same contract as the one over a file. */
import { FtxError } from '../../src/core/errors.js';
import { BLOCK_BYTES, type Entry } from '../../src/core/entry.js';
import type { Source } from '../../src/core/source.js';
import { splitBlocks } from './memory-sink.js';

/** A file of this content; `overrides` changes what is offered, `size: null` makes it a stream. */
export function createMemorySource(path: string, content: Uint8Array, overrides: Partial<Entry> = {}): Source {
  const entry: Entry = { path, kind: 'file', size: content.length, mtimeNs: 0n, mode: 0o644, ...overrides };
  let used = false;
  return {
    entry,
    blocks(from) {
      if (entry.size === null && (used || from !== 0)) {
        throw new FtxError('unsupported', `${path}: a stream can be read only once.`);
      }
      used = true;
      return reuseMemory(splitBlocks(content, from));
    },
  };
}

/** A block is valid only until the one after the next is asked for: whoever keeps it longer finds it overwritten. */
async function* reuseMemory(blocks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array, void, undefined> {
  const memories = [new Uint8Array(BLOCK_BYTES), new Uint8Array(BLOCK_BYTES)];
  let number = 0;
  for await (const block of blocks) {
    const memory = memories[number++ % 2]!;
    memory.set(block);
    yield memory.subarray(0, block.length);
    memories[number % 2]!.fill(0xee);
  }
}

export function createMemoryDirectory(path: string, overrides: Partial<Entry> = {}): Source {
  return createEmpty({ path, kind: 'directory', size: 0, mtimeNs: 0n, mode: 0o755, ...overrides });
}

export function createMemoryLink(path: string, target: string, overrides: Partial<Entry> = {}): Source {
  return createEmpty({ path, kind: 'symlink', size: 0, mtimeNs: 0n, mode: 0o777, target, ...overrides });
}

function createEmpty(entry: Entry): Source {
  return { entry, blocks: () => splitBlocks(new Uint8Array()) };
}
