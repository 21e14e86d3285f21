import { readdirSync, readlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import type { NameList } from '../../../src/core/name-list.js';
import { createNameList } from '../../../src/storage/source/name-file.js';
import { tempDir } from '../../support/folders.js';

const NAMES = Array.from({ length: 30_000 }, (_, n) => `ordner/日本 ${'n'.repeat(n % 250)}\n${n}`);

const lists: NameList[] = [];
afterEach(() => {
  for (const list of lists.splice(0)) list.close();
});

function fill(stateDir: string | undefined, names = NAMES): NameList {
  const list = createNameList(stateDir, 100);
  lists.push(list);
  for (const name of names) list.add(name);
  return list;
}

async function readAll(list: NameList): Promise<string[]> {
  const names = [];
  for await (const name of list.names()) names.push(name);
  return names;
}

/** Files that this process has open although they have no name any more. */
function countUnnamed(dir: string): number {
  const links = readdirSync('/proc/self/fd').map((fd) => {
    try {
      return readlinkSync(`/proc/self/fd/${fd}`);
    } catch {
      return '';
    }
  });
  return links.filter((link) => link.startsWith(dir) && link.endsWith('(deleted)')).length;
}

describe('a long list of names', () => {
  it.each([[0], [99], [100], [101], [30_000]])(
    'of %i has them all in order, as often as it is asked',
    async (count) => {
      const names = NAMES.slice(0, count);
      const list = fill(await tempDir(), names);
      expect(await readAll(list)).toEqual(names);
      expect(await readAll(list)).toEqual(names);
    },
  );

  it('lies in a file that nobody sees, and that is gone when the list is closed', async () => {
    const dir = join(await tempDir(), 'state');
    const list = fill(dir);
    expect(readdirSync(dir)).toEqual([]);
    expect(countUnnamed(dir)).toBe(1);
    list.close();
    list.close();
    expect(countUnnamed(dir)).toBe(0);
  });

  it('makes no file while it is short', async () => {
    const dir = join(await tempDir(), 'state');
    fill(dir, NAMES.slice(0, 100));
    expect(() => readdirSync(dir)).toThrow('ENOENT');
  });

  it('stays in memory where no file can be made', async () => {
    const inTheWay = join(await tempDir(), 'state');
    writeFileSync(inTheWay, '');
    for (const stateDir of [undefined, inTheWay]) expect(await readAll(fill(stateDir))).toEqual(NAMES);
  });
});
