import { execFileSync } from 'node:child_process';
import { lstat, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { errnoOf, FtxError } from '../../../src/core/errors.js';
import type { Entry } from '../../../src/core/entry.js';
import type { Sink } from '../../../src/core/sink.js';
import { createFileSink } from '../../../src/storage/inbox/file-sink.js';
import { offerDirectory, offerFile, offerLink } from '../../contract/sink.contract.js';
import { tempDir } from '../../support/folders.js';
import { createMemorySink } from '../../support/memory-sink.js';

const path = fc.array(fc.constantFrom('a', 'b', 'c.x'), { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'));

const offer = fc.oneof(
  path.map((name) => offerFile(name, 1)),
  path.map((name) => offerFile(name, null)),
  path.map((name) => offerDirectory(name)),
  fc.tuple(path, fc.constantFrom('a', '..', '../b', 'a/c.x')).map(([name, target]) => offerLink(name, target)),
);

/** What came of an offer, as far as both sinks have to agree. */
async function receive(sink: Sink, entry: Entry, content: Buffer): Promise<string> {
  try {
    if (entry.kind !== 'file') return (await sink.place(entry)).as;
    const opened = await sink.open(entry);
    if (opened.state !== 'part') return `present ${opened.as}`;
    await opened.write(content, 0);
    return (await opened.commit(content.length)).as;
  } catch (error) {
    if (!(error instanceof FtxError)) throw error;
    expect(errnoOf(error.cause)).not.toBe('EIO');
    return error.code;
  }
}

/** Not readdir's `recursive`, which follows links to folders. */
function listNames(dir: string): string[] {
  const names = execFileSync('find', [dir, '-mindepth', '1', '-printf', '%P\\n'], { encoding: 'utf8' });
  return names.split('\n').filter(Boolean).sort();
}

it.each(['rename', 'overwrite', 'skip', 'fail'] as const)(
  'does what the memory sink does, whatever is offered (%s)',
  async (onConflict) => {
    await fc.assert(
      fc.asyncProperty(fc.array(offer, { maxLength: 15 }), async (offers) => {
        const dir = await tempDir();
        const memory = createMemorySink({ onConflict });
        const folder = createFileSink({ dir, onConflict, maxSize: Infinity });
        for (const [number, entry] of offers.entries()) {
          const content = Buffer.from(String(number % 10));
          expect(await receive(folder, entry, content)).toBe(await receive(memory, entry, content));
        }
        expect(listNames(dir)).toEqual([...memory.entries.keys()].sort());
        for (const [name, entry] of memory.entries) {
          const file = join(dir, name);
          if (entry.kind === 'file') expect(entry.content).toEqual(new Uint8Array(await readFile(file)));
          else if (entry.kind === 'symlink') expect(await readlink(file)).toBe(entry.target);
          else expect((await lstat(file)).isDirectory()).toBe(true);
        }
      }),
      { numRuns: 60 },
    );
  },
);
