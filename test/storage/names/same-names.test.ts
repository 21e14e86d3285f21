import { execFileSync } from 'node:child_process';
import { mkdir, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { afterEach, describe, expect, it, onTestFinished } from 'vitest';
import { createFileSink } from '../../../src/storage/inbox/file-sink.js';
import { createFold, NameSet, probeFold } from '../../../src/storage/names/same-names.js';
import { offerDirectory, offerFile, receiveFile, refusal } from '../../contract/sink.contract.js';
import { tempDir } from '../../support/folders.js';
import { skipTest } from '../../support/skips.js';

const both = createFold(true, true);
const NFC = 'caf\u00e9';
const NFD = 'cafe\u0301';

describe('a fold', () => {
  it.each([
    ['README.md', 'readme.MD'],
    ['ÄÖÜ', 'äöü'],
    ['Σίσυφος', 'ΣΊΣΥΦΟς'],
    [NFC, NFD],
    [NFC.toUpperCase(), NFD],
    ['\u212b', '\u00e5'],
    ['Dir/a', 'dir/A'],
  ])('takes %j for %j', (one, other) => {
    expect(both(one)).toBe(both(other));
  });

  it.each([
    ['a', 'b'],
    ['a', 'ä'],
    ['ı', 'i'],
    ['ß', 'ss'],
    ['a b', 'a_b'],
    ['a/b', 'a\u2215b'],
  ])('tells %j from %j', (one, other) => {
    expect(both(one)).not.toBe(both(other));
  });

  it('changes only what the folder does', () => {
    const [cases, forms] = [createFold(true, false), createFold(false, true)];
    expect([cases('A'), cases(NFD)]).toEqual(['a', NFD]);
    expect([forms('A'), forms(NFD)]).toEqual(['A', NFC]);
  });

  it('folded twice is what it is folded once, and every form of a name is one', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'grapheme' }), (name) => {
        expect(both(both(name))).toBe(both(name));
        for (const form of ['NFC', 'NFD'] as const) expect(both(name.normalize(form))).toBe(both(name));
        expect(both(name.toLowerCase())).toBe(both(name));
      }),
    );
  });
});

describe('a set of names', () => {
  const sets: NameSet[] = [];
  const makeSet = (fold = both) => {
    const set = new NameSet(fold);
    sets.push(set);
    return set;
  };
  afterEach(() => sets.splice(0).forEach((set) => set.clear()));

  it('says of each name what a map of all of them would say', () => {
    const name = fc.string({ unit: fc.constantFrom('a', 'A', 'b', 'ä', 'Ä', 'a\u0308'), maxLength: 4 });
    fc.assert(
      fc.property(fc.array(name, { maxLength: 200 }), (names) => {
        const set = makeSet();
        const model = new Map<string, string>();
        for (const next of names) {
          const known = model.get(both(next));
          expect(set.add(next)).toBe(known === undefined || known === next);
          if (known === undefined) model.set(both(next), next);
        }
      }),
    );
  });

  it('grows to any number, and tells none for another', () => {
    const set = makeSet();
    for (let number = 0; number < 50_000; number++) expect(set.add(`name ${number}`)).toBe(true);
    for (let number = 0; number < 50_000; number += 997) expect(set.add(`NAME ${number}`)).toBe(false);
  });

  it('keeps a million in all, however many lists there are, and has room again when they are over', () => {
    const [one, other] = [makeSet(), makeSet()];
    for (let number = 0; number < 1_000_000; number++) one.add(`${number}`);
    expect([other.add('a'), other.add('A')]).toEqual([true, true]);
    one.clear();
    one.clear();
    expect([other.add('a'), other.add('A')]).toEqual([true, false]);
  }, 30_000);
});

describe('a folder', () => {
  it('of this file system tells every name from every other, and keeps nothing of the probe', async () => {
    const dir = await tempDir();
    expect(await probeFold(dir)).toBeUndefined();
    expect(await readdir(dir)).toEqual([]);
  });
});

/** File systems that fold names, in an image; each takes root, and some kernels and tools. */
const FOLDING = {
  'ext4 with casefold': {
    mkfs: ['mkfs.ext4', '-q', '-O', 'casefold'],
    mount: ['mount'],
    alsoSame: [NFD, NFC.toUpperCase()],
  },
  vfat: { mkfs: ['mkfs.vfat'], mount: ['mount', '-o', 'iocharset=utf8'], alsoSame: [] },
  'exfat through FUSE': { mkfs: ['mkfs.exfat'], mount: ['mount.exfat-fuse'], alsoSame: [NFC.toUpperCase()] },
} as const;
type Folding = (typeof FOLDING)[keyof typeof FOLDING];

function run(command: readonly string[], ...more: string[]): string {
  return execFileSync(command[0] ?? '', [...command.slice(1), ...more], { stdio: 'pipe', encoding: 'utf8' }).trim();
}

async function makeFoldingFolder({ mkfs, mount }: Folding): Promise<string> {
  const base = await tempDir();
  const [image, dir] = [join(base, 'image'), join(base, 'mounted')];
  await mkdir(dir);
  run(['truncate', '-s', '32M'], image);
  run(mkfs, image);
  const device = run(['losetup', '--find', '--show'], image);
  onTestFinished(() => void run(['losetup', '--detach'], device));
  run(mount, device, dir);
  onTestFinished(() => void run(['umount', '-l'], dir));
  if (mkfs[0] !== 'mkfs.ext4') return dir;
  const folder = join(dir, 'folding');
  await mkdir(folder);
  run(['chattr', '+F'], folder);
  return folder;
}

describe.each(Object.entries(FOLDING))('a folder on %s', (_, folding) => {
  it('refuses in a list what it would take for another entry of it, and follows the policy where the name is taken', async (context) => {
    const dir = await makeFoldingFolder(folding).catch((error: unknown) =>
      skipTest(context, `such a file system cannot be made here (${String(error).split('\n', 2).join(' ')})`),
    );
    const fold = await probeFold(dir);
    expect(await readdir(dir)).toEqual([]);
    const sink = createFileSink({ dir, onConflict: 'rename', maxSize: Infinity, fold });
    const plan = sink.plan(true);
    expect(await plan.add(offerFile('Readme', 1))).toMatchObject({ fate: 'new' });
    await expect(plan.add(offerFile('README', 1))).rejects.toThrow(refusal('exists'));
    await expect(plan.add(offerFile('readme/x', 1))).rejects.toThrow(refusal('exists'));
    expect(await plan.add(offerFile('Dir/a', 1))).toMatchObject({ fate: 'new' });
    await expect(plan.add(offerFile('dir/b', 1))).rejects.toThrow('"dir" is the same name as another one');
    expect(await plan.add(offerDirectory('Dir'))).toMatchObject({ fate: 'new' });
    expect(await plan.add(offerFile(NFC, 1))).toMatchObject({ fate: 'new' });
    for (const name of folding.alsoSame) await expect(plan.add(offerFile(name, 1))).rejects.toThrow(refusal('exists'));
    plan.close();

    expect(await receiveFile(sink, 'Readme', Buffer.from('1'))).toBe('Readme');
    const second = sink.plan(true);
    expect(await second.add(offerFile('README', 2))).toMatchObject({ fate: 'rename', as: 'README (1)' });
    second.close();
    expect(await receiveFile(sink, 'README', Buffer.from('22'))).toBe('README (1)');
  });
});
