/** Frames that are well made and say anything. */
import { digestBlock } from '../../src/core/checksum.js';
import { BLOCK_BYTES } from '../../src/core/entry.js';
import { forgeData, forgeEntry, forgeFrame, forgeJson, forgePack } from '../support/forge.js';
import type { Dice } from './dice.js';

const PATHS = [
  'a',
  'b',
  'd/a',
  'd/e/f',
  'a/b',
  'd',
  '../a',
  '/etc/passwd',
  'd/../../a',
  'CON',
  '.ftx-0.part',
  'a\0b',
  'a\\b',
  '',
  '.',
  'x'.repeat(300),
  'd/'.repeat(2000),
  '\ud800',
  'e\u0301',
  'a\u202e',
  '__proto__',
  'constructor',
];
const NUMBERS: readonly unknown[] = [
  '0',
  '1',
  '5',
  '1000',
  '1048576',
  '1048577',
  '9007199254740991',
  '9007199254740992',
  '99999999999999999999',
  '-1',
  '1e3',
  '0x10',
  '',
  ' 5',
  5,
  -5,
  null,
  {},
  [],
  true,
];
const DIGESTS: readonly unknown[] = [
  '26c7827d889f6da3',
  'ef46db3751d8e999',
  '0000000000000000',
  'FFFFFFFFFFFFFFFF',
  'short',
  5,
  null,
];
const CODES: readonly unknown[] = ['io', 'exists', 'refused', 'protocol', 'changed', 'no-such-code', 5, null];
const TEXTS: readonly unknown[] = ['No.', '', '\u001b[2J', 'x'.repeat(1000), 'x'.repeat(1001), 5, null, '\ud800'];
const HELLO = Buffer.from('hello');

/** What fits most of the time, so that a run gets past the first checks. */
const PLAUSIBLE = {
  path: ['a', 'b', 'd/a', 'd/e/f', 'd'],
  number: ['0', '5', '1048576', '1048577'],
  digest: ['26c7827d889f6da3'],
};

interface Fields {
  path(): unknown;
  number(): unknown;
  digest(): unknown;
}

function fieldsOf(dice: Dice): Fields {
  const mostly = (plausible: readonly unknown[], all: readonly unknown[]) =>
    dice.pick(dice.chance(0.8) ? plausible : all);
  return {
    path: () => mostly(PLAUSIBLE.path, PATHS),
    number: () => mostly(PLAUSIBLE.number, NUMBERS),
    digest: () => mostly(PLAUSIBLE.digest, DIGESTS),
  };
}

/** Ids as a peer may meet them: mostly those that are, sometimes those that never were. */
export function rollId(dice: Dice, lastId: number): number {
  if (dice.chance(0.1)) return dice.pick([0, lastId + 1, lastId + 7, 2 ** 31, 2 ** 32 - 1]);
  return 1 + dice.below(Math.max(1, lastId));
}

export function makeOffer(dice: Dice, id: number): Buffer {
  return forgeJson(2, id, makeEntry(dice));
}

function makeEntry(dice: Dice): object {
  const field = fieldsOf(dice);
  const kind = dice.chance(0.7) ? 'file' : dice.pick(['file', 'directory', 'symlink', 'fifo', 5]);
  const isStream = kind === 'file' && dice.chance(0.2);
  return {
    path: field.path(),
    kind,
    ...(!isStream && { size: kind === 'file' ? field.number() : dice.chance(0.9) ? '0' : '1' }),
    mtime: dice.chance(0.9) ? '1700000000000000000' : dice.pick(NUMBERS),
    mode: dice.chance(0.9) ? '644' : dice.pick(['777', '000', '7777', 'rwx', 644]),
    ...(kind === 'symlink' && { target: field.path() }),
  };
}

const flag = (dice: Dice) => dice.pick([undefined, undefined, true, false, 5]);

function makeCheck(dice: Dice): object {
  const entries = Array.from({ length: dice.pick([0, 1, 1, 2, 9]) }, () => makeEntry(dice));
  return { entries: dice.chance(0.95) ? entries : dice.pick(NUMBERS), last: flag(dice), dry: flag(dice) };
}

function makeChecked(dice: Dice): object {
  const field = fieldsOf(dice);
  const makeVerdict = () => ({
    index: dice.pick([0, 0, 1, 2, 3, 7, -1, 1.5, 2 ** 53, '0']),
    fate: dice.pick(['new', 'rename', 'replace', 'already', 'refused', 'refused', 'lost', 5]),
    as: dice.pick([undefined, field.path()]),
    offset: dice.pick([undefined, field.number()]),
    code: dice.pick(CODES),
    message: dice.pick(TEXTS),
  });
  const room = () => ({ needed: field.number(), free: dice.pick([null, field.number()]) });
  const verdicts = Array.from({ length: dice.below(4) }, makeVerdict);
  return { verdicts, end: flag(dice), room: dice.pick([undefined, room()]) };
}

export function makeData(dice: Dice, id: number): Buffer {
  const isBlock = dice.chance(0.05);
  const content = isBlock ? new Uint8Array(BLOCK_BYTES) : dice.chance(0.7) ? HELLO : dice.bytes(dice.below(40));
  const digest = dice.chance(0.8) ? digestBlock(content) : dice.pick([0n, 1n, 2n ** 64n - 1n]);
  const offset = dice.chance(0.8) ? 0n : dice.pick([5n, 1048576n, 2n ** 53n, 2n ** 64n - 1n, 2n ** 53n - 1n]);
  const length = dice.chance(0.9) ? undefined : dice.pick([0, 15, 16, 17, 1048592, 1048593, 2 ** 32 - 1]);
  return forgeData(id, offset, digest, content, length);
}

/** A pack of small files, most of them as they should be. */
export function makePack(dice: Dice, id: number): Buffer {
  const entries = Array.from({ length: dice.pick([0, 1, 2, 2, 3, 9]) }, () => makePackEntry(dice));
  const count = dice.chance(0.9) ? undefined : dice.pick([0, 1, 3, 4096, 4097, 2 ** 32 - 1]);
  const length = dice.chance(0.9) ? undefined : dice.pick([0, 3, 4, 5, 1_048_576, 1_048_577, 2 ** 32 - 1]);
  return forgePack(id, entries, count, length);
}

function makePackEntry(dice: Dice): Uint8Array {
  if (dice.chance(0.03)) return dice.bytes(dice.below(60));
  const content = dice.chance(0.7) ? HELLO : dice.bytes(dice.pick([0, 5, 300, 65_536, 65_537]));
  const json = dice.chance(0.7) ? { ...makeEntry(dice), kind: 'file', size: `${content.length}` } : makeEntry(dice);
  const bytes = forgeEntry(
    dice.chance(0.97) ? json : dice.pick(TEXTS),
    content,
    dice.chance(0.95) ? {} : rollLengths(dice),
  );
  if (dice.chance(0.05)) bytes[dice.below(bytes.length)]! ^= 1 << dice.below(8);
  return bytes;
}

const rollLengths = (dice: Dice) => ({
  head: dice.pick([0, 1, 8192, 8193, 65_535]),
  content: dice.pick([0, 1, 65_536, 65_537, 2 ** 32 - 1]),
});

const hello = (dice: Dice) => ({
  agent: dice.pick(TEXTS),
  capabilities: dice.pick([
    [],
    ['status'],
    ['check'],
    ['packs', 'check'],
    ['x'.repeat(65)],
    Array.from({ length: 65 }, () => 'x'),
    5,
    null,
  ]),
  idle: dice.pick([60_000, 100, 99, 0, -1, 86_400_001, 1e300, '5']),
  limits: dice.pick([
    undefined,
    { offers: 4, size: '5' },
    { offers: 0, size: '5' },
    { offers: 2 ** 53, size: 'Infinity' },
    null,
  ]),
});

/** Any frame of any type; the check is right. */
export function makeFrame(dice: Dice, id: number): Buffer {
  const field = fieldsOf(dice);
  const failure = () => ({ code: dice.pick(CODES), message: dice.pick(TEXTS) });
  const shares = () => ({ network: dice.below(110), disk: dice.below(100), cpu: dice.pick([0, 1.5, -1, '5']) });
  const makers: (() => Buffer)[] = [
    () => forgeJson(1, dice.chance(0.9) ? 0 : id, hello(dice)),
    () => makeOffer(dice, id),
    () => forgeJson(3, id, { offset: field.number(), have: dice.pick([undefined, undefined, true, false, 5]) }),
    () => makeData(dice, id),
    () => forgeJson(5, id, { digest: field.digest(), size: field.number() }),
    () =>
      forgeJson(6, id, {
        as: field.path(),
        already: dice.pick([undefined, true, 5]),
        durable: dice.pick([undefined, false, 'no']),
        shares: dice.pick([undefined, shares()]),
      }),
    () => forgeJson(7, id, failure()),
    () => forgeJson(8, id, { offset: field.number() }),
    () => forgeJson(9, dice.chance(0.8) ? id : 0, failure()),
    () => forgeFrame(10, 0, new Uint8Array()),
    () => forgeFrame(11, 0, new Uint8Array()),
    () => forgeJson(12, 0, { shares: shares() }),
    () => forgeJson(14, 0, makeCheck(dice)),
    () => forgeJson(15, 0, makeChecked(dice)),
    () => makePack(dice, id),
    () => forgeJson(19, id, { durable: dice.pick([undefined, false, 'no']) }),
    () => forgeFrame(13, id, dice.bytes(8 * dice.below(4) + (dice.chance(0.1) ? 3 : 0))),
    () => forgeFrame(dice.below(256), dice.chance(0.5) ? id : 0, dice.bytes(dice.below(60))),
    () =>
      forgeFrame(
        dice.below(21),
        id,
        Buffer.from(dice.pick(['[]', '{}', 'null', '"x"', '5', '{"a":', '[['.repeat(30_000), '\ufeff{}'])),
      ),
    () => forgeFrame(dice.below(21), id, new Uint8Array(), dice.pick([1, 65_536, 65_537, 2 ** 32 - 1])),
  ];
  return dice.pick(makers)();
}

/** Damage below the frames: what a broken network or a liar does to bytes. */
export function damage(dice: Dice, frame: Buffer): Buffer[] {
  const at = dice.below(frame.length + 1);
  switch (dice.below(5)) {
    case 0:
      return [frame.subarray(0, at)];
    case 1:
      return [frame.subarray(0, at), Buffer.from(dice.bytes(dice.below(20))), frame.subarray(at)];
    case 2:
      return [frame.subarray(at)];
    case 3: {
      const flipped = Buffer.from(frame);
      const bit = dice.below(8 * frame.length);
      if (frame.length > 0) flipped.writeUInt8(flipped.readUInt8(bit >> 3) ^ (1 << (bit & 7)), bit >> 3);
      return [flipped];
    }
    default:
      return [frame, frame];
  }
}
