import { readdirSync, readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { digestBlock } from '../../src/core/checksum.js';
import { FtxError } from '../../src/core/errors.js';
import {
  decodeHeader,
  decodeMessage,
  encodeControl,
  encodeDataHead,
  encodeHave,
  encodePackHead,
  encodeZeros,
} from '../../src/protocol/codec.js';
import { HEADER_BYTES, MAX_CONTROL_BYTES, MAX_DATA_BYTES, MAX_PACK_BYTES } from '../../src/protocol/constants.js';
import { encodeItem, offerToJson, offerToText } from '../../src/protocol/item-json.js';
import type { CheckMessage, HaveMessage, Message } from '../../src/protocol/messages.js';
import { parseHex, readFixtureText } from '../support/hex.js';
import { makeEntries } from '../support/pack-frames.js';
import { PACKED_FILES, WIRE_MESSAGES } from '../support/wire-messages.js';

function encode(message: Message): Uint8Array {
  if (message.type === 'data') return encodeDataHead(message);
  if (message.type === 'zeros') return encodeZeros(message);
  if (message.type === 'pack') return encodePackHead(message);
  return message.type === 'have' ? encodeHave(message.id, message.digests)[0]! : encodeControl(message);
}

function decode(bytes: Uint8Array): Message {
  const head = bytes.subarray(0, HEADER_BYTES);
  const header = decodeHeader(head);
  return decodeMessage(header, head, bytes.subarray(HEADER_BYTES, HEADER_BYTES + header.checkedLength));
}

/** A frame of any type and payload with a right check. */
function forge(type: number, id: number, payload: Uint8Array, length = payload.length): Buffer {
  const head = Buffer.alloc(HEADER_BYTES);
  head.writeUInt8(type, 0);
  head.writeUInt32BE(id, 4);
  head.writeUInt32BE(length, 8);
  const check = digestBlock(Buffer.concat([head.subarray(0, 12), payload]));
  head.writeUInt32BE(Number(BigInt.asUintN(32, check)), 12);
  return Buffer.concat([head, payload]);
}

const json = (value: unknown) => Buffer.from(typeof value === 'string' ? value : JSON.stringify(value));
const OFFER = { path: 'a', kind: 'file', size: '5', mtime: '0', mode: '644' };

function codeOf(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof FtxError) return error.code;
    throw error;
  }
}

describe('fixtures', () => {
  const names = Object.keys(WIRE_MESSAGES);

  it('stand for every file in fixtures/wire', () => {
    const files = readdirSync(new URL('../../fixtures/wire/', import.meta.url));
    expect(files.sort()).toEqual(names.map((name) => `${name}.hex`).sort());
  });

  it.each(names)('%s is encoded and decoded', (name) => {
    const bytes = parseHex(readFixtureText(name));
    const message = WIRE_MESSAGES[name]!;
    const encoded = encode(message);
    expect(bytes.subarray(0, encoded.length).toString('hex')).toBe(Buffer.from(encoded).toString('hex'));
    expect(decode(bytes)).toEqual(message);
  });

  it('have the entries of a pack after its head', () => {
    expect(parseHex(readFixtureText('pack')).subarray(20).toString('hex')).toBe(
      makeEntries(PACKED_FILES).toString('hex'),
    );
  });

  it('are what PROTOCOL.md shows', () => {
    const spec = readFileSync(new URL('../../docs/PROTOCOL.md', import.meta.url), 'utf8');
    const examples = [...spec.matchAll(/`([a-z-]+)`:\n\n```hex\n([^`]*)```/g)];
    expect(examples.length).toBeGreaterThan(5);
    for (const [, name, text] of examples) expect(text).toBe(readFixtureText(name!));
  });
});

describe('decodeHeader', () => {
  it.each([
    ['type 0', forge(0, 0, Buffer.alloc(0))],
    ['type 20', forge(20, 0, Buffer.alloc(0))],
    ['a hello with an id', forge(1, 1, json({}))],
    ['a step of pairing with an id', forge(16, 1, json({ step: 'paired' }))],
    ['an offer without an id', forge(2, 0, json(OFFER))],
    ['a control payload over the limit', forge(2, 1, Buffer.alloc(0), MAX_CONTROL_BYTES + 1)],
    ['a block over the limit', forge(4, 1, Buffer.alloc(16), MAX_DATA_BYTES + 1)],
    ['a block without content', forge(4, 1, Buffer.alloc(16), 16)],
    ['zeros without an id', forge(17, 0, Buffer.alloc(12))],
    ['zeros of no bytes', forge(17, 1, Buffer.alloc(0))],
    ['zeros with half a length', forge(17, 1, Buffer.alloc(10))],
    ['zeros with content', forge(17, 1, Buffer.alloc(13))],
    ['a pack without an id', forge(18, 0, Buffer.alloc(4), 100)],
    ['a pack of no bytes', forge(18, 1, Buffer.alloc(0))],
    ['a pack with half a count', forge(18, 1, Buffer.alloc(3))],
    ['a pack without entries', forge(18, 1, Buffer.alloc(4))],
    ['a pack of one byte more than 1 MiB', forge(18, 1, Buffer.alloc(4), MAX_PACK_BYTES + 1)],
    ['a pack of all that 32 bits hold', forge(18, 1, Buffer.alloc(4), 2 ** 32 - 1)],
    ['the answer to a pack without an id', forge(19, 0, json({}))],
    ['the answer to a pack over the limit', forge(19, 1, Buffer.alloc(0), MAX_CONTROL_BYTES + 1)],
    ['a ping with a payload', forge(10, 0, Buffer.alloc(1))],
  ])('refuses %s', (_, frame) => {
    expect(codeOf(() => decodeHeader(frame.subarray(0, HEADER_BYTES)))).toBe('protocol');
  });
});

describe('the time of an offer', () => {
  const [LAST, FIRST] = [2n ** 63n - 1n, -(2n ** 63n)];
  it.each([
    ['0', 0n],
    [LAST.toString(), LAST],
    [FIRST.toString(), FIRST],
    [(LAST + 1n).toString(), LAST],
    [(FIRST - 1n).toString(), FIRST],
    ['253402300799000000000', LAST],
    ['-62135596800000000000', FIRST],
    ['9'.repeat(30), LAST],
  ])('%s is read as the nearest that 64 bits hold', (mtime, mtimeNs) => {
    const frame = forge(2, 1, json({ ...OFFER, mtime }));
    expect(decode(frame)).toMatchObject({ entry: { mtimeNs } });
  });
});

describe('the allocated bytes of an offer', () => {
  it.each(['0', '1', '4', '5'])('of 5 bytes may be %s', (allocated) => {
    const entry = { size: 5, allocated: Number(allocated) };
    expect(decode(forge(2, 1, json({ ...OFFER, allocated })))).toMatchObject({ entry });
    const list = forge(14, 0, json({ entries: [OFFER, { ...OFFER, allocated }] }));
    expect(decode(list)).toMatchObject({ entries: [{ size: 5 }, entry] });
  });

  it.each<[string, object]>([
    ['one more than the size', { allocated: '6' }],
    ['of an empty file more than nothing', { size: '0', allocated: '1' }],
    ['those of a stream', { size: undefined, allocated: '0' }],
    ['those of a folder', { kind: 'directory', size: '0', allocated: '0' }],
    ['those of a link', { kind: 'symlink', size: '0', target: 'x', allocated: '0' }],
    ['a number', { allocated: 4 }],
    ['less than nothing', { allocated: '-1' }],
    ['a fraction', { allocated: '1.5' }],
    ['an exponent', { allocated: '4e0' }],
    ['a zero too many', { allocated: '04' }],
    ['nothing', { allocated: '' }],
    ['null', { allocated: null }],
    ['more than can be counted', { size: '9007199254740991', allocated: '9007199254740992' }],
  ])('may not be %s', (_, fields) => {
    const offer = { ...OFFER, ...fields };
    expect(codeOf(() => decode(forge(2, 1, json(offer))))).toBe('protocol');
    expect(codeOf(() => decode(forge(14, 0, json({ entries: [OFFER, offer] }))))).toBe('protocol');
  });
});

describe('decodeMessage', () => {
  it.each([
    ['no JSON', 2, json('{')],
    ['no digests', 13, Buffer.alloc(0)],
    ['half a digest', 13, Buffer.alloc(12)],
    ['JSON that is not UTF-8', 2, Buffer.from([0x22, 0xff, 0x22])],
    ['a list', 2, json([])],
    ['null', 5, json('null')],
    ['an offer without a path', 2, json({ ...OFFER, path: undefined })],
    ['an unknown kind', 2, json({ ...OFFER, kind: 'device' })],
    ['a directory with a size', 2, json({ ...OFFER, kind: 'directory' })],
    ['a symlink without a target', 2, json({ ...OFFER, kind: 'symlink', size: '0' })],
    ['a file with a target', 2, json({ ...OFFER, target: 'x' })],
    ['a mode of four digits', 2, json({ ...OFFER, mode: '4755' })],
    ['a mode with an 8', 2, json({ ...OFFER, mode: '685' })],
    ['a time of 31 digits', 2, json({ ...OFFER, mtime: '9'.repeat(31) })],
    ['a time with a fraction', 2, json({ ...OFFER, mtime: '1.5' })],
    ['a digest in upper case', 5, json({ digest: 'EF46DB3751D8E999', size: '0' })],
    ['limits below 1', 1, json({ agent: '', capabilities: [], idle: 1000, limits: { offers: 0, size: '0' } })],
    ['too many capabilities', 1, json({ agent: '', idle: 1000, capabilities: Array(65).fill('x') })],
    ['an idle limit of 0', 1, json({ agent: '', idle: 0, capabilities: [] })],
    ['shares over the whole', 6, json({ as: 'x', shares: { network: 0, disk: 101, cpu: 0 } })],
    ['an unknown step of pairing', 16, json({ step: 'x' })],
    ['a step with more than 1024 characters', 16, json({ step: 'proof', data: 'x'.repeat(1025) })],
    ['a step that is not base64url', 16, json({ step: 'proof', data: 'a+b=' })],
    ['an answer to a pack that is durable in words', 19, json({ durable: 'yes' })],
    ['a message of 1001 characters', 9, json({ code: 'io', message: 'x'.repeat(1001) })],
  ])('refuses %s', (_, type, payload) => {
    expect(codeOf(() => decode(forge(type, type === 1 || type === 16 ? 0 : 1, payload)))).toBe('protocol');
  });

  it.each([
    '',
    '+5',
    '-5',
    '5.0',
    '5e3',
    '05',
    '0x5',
    ' 5',
    '5 ',
    '٥',
    '9007199254740992',
    '9007199254740993',
    '99999999999999999999',
  ])('refuses the size %j', (size) => {
    expect(codeOf(() => decode(forge(2, 1, json({ ...OFFER, size }))))).toBe('protocol');
  });

  it.each(['0', '1', '9007199254740991'])('takes the size %j', (size) => {
    expect(decode(forge(2, 1, json({ ...OFFER, size })))).toMatchObject({ entry: { size: Number(size) } });
  });

  it('refuses a block at an offset over 2^53-1', () => {
    const prefix = Buffer.alloc(16);
    prefix.writeBigUInt64BE(2n ** 53n);
    expect(codeOf(() => decode(forge(4, 1, prefix, 17)))).toBe('protocol');
  });

  it('ignores fields that it does not know', () => {
    expect(decode(forge(3, 1, json({ offset: '0', news: 1 })))).toMatchObject({ type: 'ready', id: 1, offset: 0 });
  });

  it('reads codes that it does not know by their frame', () => {
    expect(decode(forge(7, 1, json({ code: 'tired', message: '' })))).toMatchObject({ code: 'refused' });
    expect(decode(forge(9, 1, json({ code: 'tired', message: '' })))).toMatchObject({ code: 'io' });
  });

  it.each(['usage', 'not-found', 'unknown-host', 'no-connection', 'identity', 'home', 'cannot-create', 'port-in-use'])(
    'lets no peer pass its failure off as one of our own machine (%s)',
    (code) => {
      expect(decode(forge(7, 1, json({ code, message: '' })))).toMatchObject({ code: 'refused' });
      expect(decode(forge(9, 1, json({ code, message: '' })))).toMatchObject({ code: 'io' });
    },
  );

  it('finds every single flipped bit', () => {
    const bytes = parseHex(readFixtureText('offer-file'));
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(
        codeOf(() => decode(damaged)),
        `bit ${bit}`,
      ).toBe('protocol');
    }
  });
});

/** The payload of a frame of zeros. */
function zeros(offset: bigint, length: number): Buffer {
  const payload = Buffer.alloc(12);
  payload.writeBigUInt64BE(offset);
  payload.writeUInt32BE(length, 8);
  return payload;
}

describe('a run of zeros', () => {
  const MOST = 1024 ** 3;
  it.each([
    ['no byte', 0n, 0],
    ['one byte more than 1024 blocks', 0n, MOST + 1],
    ['1025 blocks', 0n, MOST + 1024 ** 2],
    ['all that 32 bits hold', 0n, 2 ** 32 - 1],
    ['an offset over 2^53-1', 2n ** 53n, 1],
    ['the last offset of all', 2n ** 64n - 1n, 1],
  ])('is refused with %s', (_, offset, length) => {
    expect(codeOf(() => decode(forge(17, 1, zeros(offset, length))))).toBe('protocol');
  });

  it.each([
    [0n, 1],
    [2n ** 53n - 1n, MOST],
    [5n, 1024 ** 2],
  ])('at %s of %i bytes is taken', (offset, length) => {
    expect(decode(forge(17, 1, zeros(offset, length)))).toEqual({
      type: 'zeros',
      id: 1,
      offset: Number(offset),
      length,
    });
  });

  it('survives the way there, and no bit of it can be flipped', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), fc.integer({ min: 1, max: MOST }), fc.nat(28 * 8 - 1), (offset, length, bit) => {
        const message = { type: 'zeros' as const, id: 7, offset, length };
        const frame = Buffer.from(encodeZeros(message));
        expect(decode(frame)).toEqual(message);
        frame[bit >> 3]! ^= 1 << (bit & 7);
        expect(codeOf(() => decode(frame))).toBe('protocol');
      }),
    );
  });
});

const count = (entries: number) => Buffer.from(Uint32Array.of(entries).buffer).swap32();

describe('a pack', () => {
  const MOST = 2 ** 32 - 1;
  it.each([
    ['no entries', 1, 0],
    ['4097 entries', 1, 4097],
    ['as many entries as 32 bits hold', 1, MOST],
    ['two entries, of which the second has no id', MOST, 2],
    ['4096 entries, of which the last has no id', MOST - 4094, 4096],
  ])('is refused with %s', (_, id, entries) => {
    expect(codeOf(() => decode(forge(18, id, count(entries), 100)))).toBe('protocol');
  });

  it.each([
    [1, 1, 5],
    [1, 4096, MAX_PACK_BYTES],
    [MOST, 1, 100],
    [MOST - 4095, 4096, 100],
  ])('with the id %i and %i entries is taken', (id, entries, length) => {
    expect(decode(forge(18, id, count(entries), length))).toEqual({
      type: 'pack',
      id,
      count: entries,
      length: length - 4,
    });
  });

  it('survives the way there, and no bit of its head can be flipped', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 2 ** 31 }),
        fc.integer({ min: 1, max: 4096 }),
        fc.integer({ min: 1, max: MAX_PACK_BYTES - 4 }),
        fc.nat(20 * 8 - 1),
        (id, entries, length, bit) => {
          const message = { type: 'pack' as const, id, count: entries, length };
          const head = Buffer.from(encodePackHead(message));
          expect(decode(head)).toEqual(message);
          head[bit >> 3]! ^= 1 << (bit & 7);
          expect(codeOf(() => decode(head))).toBe('protocol');
        },
      ),
    );
  });
});

describe('encodeHave', () => {
  it('spreads digests over as many frames as their limit asks for', () => {
    const digests = Array.from({ length: 20_000 }, (_, number) => BigInt(number));
    const frames = encodeHave(1, digests);
    expect(frames.map(({ length }) => length - HEADER_BYTES)).toEqual([65_536, 65_536, 20_000 * 8 - 2 * 65_536]);
    expect(frames.flatMap((frame) => (decode(frame) as HaveMessage).digests)).toEqual(digests);
  });
});

describe('properties', () => {
  it('no bytes make the codec throw anything but its own error', () => {
    fc.assert(
      fc.property(fc.uint8Array({ minLength: HEADER_BYTES, maxLength: 400 }), (bytes) => {
        expect([undefined, 'protocol']).toContain(codeOf(() => decode(bytes)));
      }),
      { numRuns: 2000 },
    );
  });

  it('no JSON in a right frame makes it throw anything but its own error', () => {
    const types = fc.constantFrom(1, 2, 3, 5, 6, 7, 8, 9, 19);
    fc.assert(
      fc.property(types, fc.oneof(fc.json(), fc.string()), (type, text) => {
        const frame = forge(type, type === 1 ? 0 : 7, Buffer.from(text));
        expect([undefined, 'protocol']).toContain(codeOf(() => decode(frame)));
      }),
      { numRuns: 2000 },
    );
  });

  it('every offer survives the way there', () => {
    const entry = fc.record({
      path: fc.string({ unit: 'binary' }),
      kind: fc.constant('file' as const),
      size: fc.option(fc.maxSafeNat()),
      mtimeNs: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
      mode: fc.nat(0o777),
    });
    fc.assert(
      fc.property(entry, fc.integer({ min: 1, max: 2 ** 32 - 1 }), (value, id) => {
        const message = { type: 'offer' as const, id, entry: value };
        expect(decode(encodeControl(message))).toEqual(message);
      }),
    );
  });
});

it.each([
  [false, false],
  [true, false],
  [true, true],
])('encodes a list from the texts of its entries to the same bytes (last %s, dry run %s)', (last, dryRun) => {
  const { entries } = WIRE_MESSAGES.check as CheckMessage;
  const list = { type: 'check' as const, id: 0 as const, entries, last, dryRun };
  expect(encodeControl({ ...list, texts: entries.map((entry) => encodeItem(entry)) })).toEqual(encodeControl(list));
});

it('makes the same text of an entry as JSON does', () => {
  const path = fc.string({ unit: 'binary' });
  const rest = { path, mtimeNs: fc.bigInt(), mode: fc.option(fc.nat(0o777)) };
  const entry = fc.oneof(
    fc.record({ ...rest, kind: fc.constant('file' as const), size: fc.option(fc.maxSafeNat()) }),
    fc.record({ ...rest, kind: fc.constant('file' as const), size: fc.maxSafeNat(), allocated: fc.maxSafeNat() }),
    fc.record({ ...rest, kind: fc.constant('directory' as const), size: fc.constant(0) }),
    fc.record({ ...rest, kind: fc.constant('symlink' as const), size: fc.constant(0), target: path }),
  );
  fc.assert(
    fc.property(entry, fc.option(fc.string(), { nil: undefined }), (value, pin) => {
      expect(offerToText(value, pin)).toBe(JSON.stringify({ ...offerToJson(value), pin }));
    }),
  );
});
