import { appendFile, mkdir, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LedgerIndex } from '../../../src/storage/inbox/ledger-index.js';
import { formatRecord, keyOf, parseRecord, type Delivery } from '../../../src/storage/inbox/ledger-record.js';
import { openLedger } from '../../../src/storage/inbox/ledger.js';
import { tempDir } from '../../support/folders.js';

const NOW = Math.floor(Date.now() / 1000);

function makeDelivery(path: string, change: Partial<Delivery> = {}): Delivery {
  const at = { mtimeNs: 1n, ctimeNs: 2n };
  return { bringer: 'ann', path, size: 3, mtimeNs: 5n, digest: '0'.repeat(16), as: path, left: at, at: NOW, ...change };
}

describe('a record', () => {
  it('is read as it was written', () => {
    const hex = fc.string({ unit: fc.constantFrom('0', 'a', 'f'), minLength: 16, maxLength: 16 });
    const time = fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n });
    const delivery = fc.record({
      bringer: fc.string(),
      path: fc.string({ unit: 'binary' }),
      size: fc.maxSafeNat(),
      mtimeNs: time,
      pin: fc.option(hex, { nil: undefined }),
      transfer: fc.option(hex, { nil: undefined }),
      digest: hex,
      as: fc.string(),
      left: fc.option(fc.record({ mtimeNs: time, ctimeNs: time }), { nil: undefined }),
      boot: fc.option(hex, { nil: undefined }),
      at: fc.nat(),
    });
    const making = fc.record({
      path: fc.string({ unit: 'binary' }),
      maker: fc.string(),
      folder: fc.string(),
      at: fc.nat(),
    });
    fc.assert(
      fc.property(fc.oneof(delivery, making), (written) => {
        const line = formatRecord(written);
        expect(line.indexOf('\n')).toBe(line.length - 1);
        expect(parseRecord(Buffer.from(line.slice(0, -1)))).toEqual(written);
      }),
    );
  });

  it('that is damaged at any byte, or torn, is none', () => {
    const line = Buffer.from(formatRecord(makeDelivery('film')).slice(0, -1));
    for (let at = 17; at < line.length; at += 1) {
      const damaged = Buffer.from(line);
      damaged[at] = (damaged[at] ?? 0) ^ 1;
      if (at !== 25) expect(parseRecord(damaged)).toBeUndefined();
      expect(parseRecord(line.subarray(0, at))).toBeUndefined();
    }
  });
});

describe('the index', () => {
  it('finds the last place of each key, and takes at most 40 bytes a record', () => {
    const index = new LedgerIndex();
    for (let n = 0; n < 10_000; n += 1) index.set(keyOf('ann', String(n % 5000)), { file: 0, offset: n });
    for (let n = 0; n < 5000; n += 1) expect(index.get(keyOf('ann', String(n)))).toEqual({ file: 0, offset: n + 5000 });
    expect(index.get(keyOf('bob', '1'))).toBeUndefined();
    expect(index.count).toBe(5000);
    expect([...index.places()]).toHaveLength(5000);
  });
});

describe('the ledger', () => {
  const fileOf = async (dir: string) => {
    const names = await readdir(join(dir, '.ftx-ledger'));
    return join(dir, '.ftx-ledger', names[0] ?? '');
  };

  it('finds what was noted, also in a later life of the process', async () => {
    const dir = await tempDir();
    const first = openLedger(dir);
    for (let n = 0; n < 300; n += 1) first.note(makeDelivery(`d/${n}`, { size: n }));
    first.note(makeDelivery('d/7', { size: 77 }));
    expect(await first.find('ann', 'd/7')).toEqual(makeDelivery('d/7', { size: 77 }));
    const second = openLedger(dir);
    for (const ledger of [first, second]) {
      expect(await ledger.find('ann', 'd/299')).toMatchObject({ size: 299 });
      expect(await ledger.find('bob', 'd/299')).toBeUndefined();
      expect(await ledger.find('ann', 'd/300')).toBeUndefined();
    }
    expect((await stat(join(dir, '.ftx-ledger'))).mode & 0o777).toBe(0o700);
    expect((await stat(await fileOf(dir))).mode & 0o777).toBe(0o600);
  });

  it.each([
    ['its last record is torn', async (file: string) => writeFile(file, (await readFile(file)).subarray(0, -5))],
    ['something else was appended', async (file: string) => appendFile(file, 'no record\n\0\xff')],
    [
      'a record in the middle is damaged',
      async (file: string) => {
        const text = await readFile(file, 'latin1');
        await writeFile(file, text.replace('"p":"b"', '"p":"x"'), 'latin1');
      },
    ],
  ])('goes on when %s', async (_, damage) => {
    const dir = await tempDir();
    const first = openLedger(dir);
    for (const path of ['a', 'b', 'c']) first.note(makeDelivery(path));
    await first.flush();
    await damage(await fileOf(dir));
    const second = openLedger(dir);
    expect(await second.find('ann', 'a')).toEqual(makeDelivery('a'));
    second.note(makeDelivery('d'));
    expect(await second.find('ann', 'd')).toEqual(makeDelivery('d'));
    await second.flush();
    expect(await openLedger(dir).find('ann', 'd')).toEqual(makeDelivery('d'));
  });

  it.each([
    ['was removed', (dir: string) => rm(join(dir, '.ftx-ledger'), { recursive: true })],
    [
      'is a file',
      async (dir: string) => {
        await rm(join(dir, '.ftx-ledger'), { recursive: true });
        await writeFile(join(dir, '.ftx-ledger'), '');
      },
    ],
  ])('knows nothing, and fails nothing, when its folder %s', async (_, damage) => {
    const dir = await tempDir();
    await mkdir(join(dir, '.ftx-ledger'));
    await damage(dir);
    const ledger = openLedger(dir);
    ledger.note(makeDelivery('a'));
    await ledger.flush();
    expect(await ledger.find('ann', 'b')).toBeUndefined();
  });

  it('finds the last maker of a folder, also in a later life of the process, and takes it for no delivery', async () => {
    const dir = await tempDir();
    const first = openLedger(dir);
    const making = { path: 'd', maker: 'ann', folder: '1:2', at: NOW };
    for (const record of [{ ...making, maker: 'bob' }, making, makeDelivery('d')]) first.note(record);
    await first.flush();
    for (const ledger of [first, openLedger(dir)]) {
      expect(await ledger.findMaker('d')).toEqual(making);
      expect(await ledger.findMaker('e')).toBeUndefined();
      expect(await ledger.find('', 'd')).toBeUndefined();
      expect(await ledger.find('ann', 'd')).toEqual(makeDelivery('d'));
    }
  });

  it('is made again when it was removed under the receiver', async () => {
    const dir = await tempDir();
    const ledger = openLedger(dir);
    ledger.note(makeDelivery('a'));
    await ledger.flush();
    await rm(join(dir, '.ftx-ledger'), { recursive: true });
    for (const path of ['b', 'c']) {
      ledger.note(makeDelivery(path));
      await ledger.flush();
    }
    expect(await ledger.find('ann', 'c')).toBeDefined();
  });

  it('stays within its bound, and forgets the oldest first', async () => {
    const dir = await tempDir();
    const ledger = openLedger(dir, { maxBytes: 64 * 64 * 1024 });
    for (let n = 0; n < 3000; n += 1) {
      await writeFile(join(dir, 'x'), '');
      ledger.note(makeDelivery(`d/${n}`, { as: 'x' }));
      if (n % 100 === 0) await ledger.flush();
    }
    expect(await ledger.find('ann', 'd/2999')).toBeDefined();
    expect(await ledger.find('ann', 'd/0')).toBeUndefined();
    expect((await stat(await fileOf(dir))).size).toBeLessThan(128 * 1024);
  });

  it('forgets a file that is gone for 30 days when it is written anew', async () => {
    const dir = await tempDir();
    await writeFile(join(dir, 'there'), '');
    const old = NOW - 31 * 24 * 60 * 60;
    const ledger = openLedger(dir);
    ledger.note(makeDelivery('d/gone', { as: 'gone', at: old }));
    ledger.note(makeDelivery('d/kept', { as: 'there', at: old }));
    for (let n = 0; n < 1200; n += 1) {
      ledger.note(makeDelivery('d/again', { as: 'there' }));
      await ledger.flush();
    }
    expect(await ledger.find('ann', 'd/gone')).toBeUndefined();
    expect(await ledger.find('ann', 'd/kept')).toBeDefined();
  });

  it('tells whether the time of change of a file can be relied on', async () => {
    expect(await openLedger(await tempDir()).noticesChanges()).toBe(false);
    const dir = await tempDir();
    const ledger = openLedger(dir);
    await ledger.find('ann', 'a');
    expect(await ledger.noticesChanges()).toBe(true);
    expect((await readdir(join(dir, '.ftx-ledger'))).filter((name) => name.includes('probe'))).toEqual([]);
  });
});
