import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Entry } from '../../src/core/entry.js';
import { FtxError } from '../../src/core/errors.js';
import { MAX_PACK_CONTENT_BYTES, MAX_PACK_HEAD_BYTES } from '../../src/protocol/constants.js';
import { encodeControl } from '../../src/protocol/codec.js';
import {
  encodeEntryHead,
  ENTRY_DIGEST_BYTES,
  ENTRY_LENGTHS_BYTES,
  isIntact,
  measureEntry,
  readHead,
  readLengths,
  writeEntry,
} from '../../src/protocol/pack-entry.js';
import { makeEntries } from '../support/pack-frames.js';

const ENTRY: Entry = { path: 'a', kind: 'file', size: 5, mtimeNs: 7n, mode: 0o644 };
const HELLO = Buffer.from('hello');
const PIN = 'ab'.repeat(16);

const anyEntry = fc.record(
  {
    path: fc.string({ unit: 'binary' }),
    kind: fc.constant('file' as const),
    size: fc.nat(100),
    mtimeNs: fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n }),
    mode: fc.nat(0o777),
    allocated: fc.constantFrom(0),
  },
  { requiredKeys: ['path', 'kind', 'size', 'mtimeNs', 'mode'] },
);

describe('an entry of a pack', () => {
  it('survives the way there, wherever it lies', () => {
    fc.assert(
      fc.property(anyEntry, fc.option(fc.constant(PIN), { nil: undefined }), fc.nat(50), (entry, pin, at) => {
        const content = new Uint8Array(entry.size).fill(9);
        const head = encodeEntryHead(entry, pin)!;
        const bytes = measureEntry({ head: head.length, content: content.length });
        const target = new Uint8Array(at + bytes + 3).fill(0xee);
        expect(writeEntry(target, at, head, content)).toBe(at + bytes);
        expect([...target.subarray(0, at), ...target.subarray(at + bytes)].every((byte) => byte === 0xee)).toBe(true);
        const whole = target.subarray(at, at + bytes);
        const lengths = readLengths(whole.subarray(0, ENTRY_LENGTHS_BYTES))!;
        expect(lengths).toEqual({ head: head.length, content: content.length });
        expect(isIntact(whole)).toBe(true);
        const end = ENTRY_LENGTHS_BYTES + lengths.head;
        expect(readHead(whole.subarray(ENTRY_LENGTHS_BYTES, end), lengths.content)).toEqual({
          entry,
          ...(pin !== undefined && { pin }),
        });
        expect(whole.subarray(end, whole.length - ENTRY_DIGEST_BYTES)).toEqual(content);
      }),
    );
  });

  it('has the JSON of an offer for its head', () => {
    fc.assert(
      fc.property(anyEntry, fc.option(fc.constant(PIN), { nil: undefined }), (entry, pin) => {
        const offer = encodeControl({ type: 'offer', id: 1, entry, pin }).subarray(16);
        expect(Buffer.from(encodeEntryHead(entry, pin)!).toString()).toBe(Buffer.from(offer).toString());
      }),
    );
  });

  it('is found damaged by any single bit', () => {
    const bytes = makeEntries([{ entry: ENTRY, content: HELLO }]);
    expect(isIntact(bytes)).toBe(true);
    for (let bit = 0; bit < bytes.length * 8; bit++) {
      const damaged = Buffer.from(bytes);
      damaged[bit >> 3]! ^= 1 << (bit & 7);
      expect(isIntact(damaged), `bit ${bit}`).toBe(false);
    }
  });

  it('has no head of more than 8 KiB', () => {
    const rest = encodeEntryHead(ENTRY, PIN)!.length - ENTRY.path.length;
    const path = 'x'.repeat(MAX_PACK_HEAD_BYTES - rest);
    expect(encodeEntryHead({ ...ENTRY, path }, PIN)).toHaveLength(MAX_PACK_HEAD_BYTES);
    expect(encodeEntryHead({ ...ENTRY, path: `${path}x` }, PIN)).toBeUndefined();
    // Two bytes in UTF-8, and one in UTF-16.
    expect(encodeEntryHead({ ...ENTRY, path: `${path.slice(1)}ä` }, PIN)).toBeUndefined();
  });
});

describe('the lengths of an entry', () => {
  it.each([
    [1, 0],
    [MAX_PACK_HEAD_BYTES, MAX_PACK_CONTENT_BYTES],
  ])('may be %i and %i', (head, content) => {
    expect(readLengths(lengths(head, content))).toEqual({ head, content });
  });

  it.each([
    [0, 0],
    [0, 5],
    [MAX_PACK_HEAD_BYTES + 1, 0],
    [2 ** 16 - 1, 5],
    [1, MAX_PACK_CONTENT_BYTES + 1],
    [1, 2 ** 31],
    [1, 2 ** 32 - 1],
  ])('may not be %i and %i', (head, content) => {
    expect(readLengths(lengths(head, content))).toBeUndefined();
  });
});

describe('the head of an intact entry', () => {
  const OFFER = { path: 'a', kind: 'file', size: '5', mtime: '0', mode: '644' };

  it.each<[string, unknown]>([
    ['a file of another size', { ...OFFER, size: '6' }],
    ['a stream', { ...OFFER, size: undefined }],
    ['a folder', { ...OFFER, kind: 'directory', size: '0' }],
    ['a link', { ...OFFER, kind: 'symlink', size: '0', target: 'x' }],
    ['a file with a target', { ...OFFER, target: 'x' }],
    ['an unknown kind', { ...OFFER, kind: 'device' }],
    ['a file without a name', { ...OFFER, path: undefined }],
    ['a size with an exponent', { ...OFFER, size: '5e0' }],
    ['more allocated than its size', { ...OFFER, allocated: '6' }],
    ['a pin that is too short', { ...OFFER, pin: 'ab' }],
    ['a list', [OFFER]],
    ['nothing', null],
    ['half a text', Buffer.from('{"path":')],
    ['what is not UTF-8', Buffer.from([0x22, 0xff, 0x22])],
    ['a byte order mark', Buffer.from(`\ufeff${JSON.stringify(OFFER)}`)],
  ])('may not be %s', (_, json) => {
    const head = json instanceof Uint8Array ? json : Buffer.from(JSON.stringify(json));
    for (const content of [5, 0]) expect(refusalOf(head, content)).toMatchObject({ code: 'protocol' });
  });

  it('may say more than this version knows, and any name', () => {
    const head = Buffer.from(JSON.stringify({ ...OFFER, path: '../../etc', news: 1 }));
    expect(readHead(head, 5)).toMatchObject({ entry: { path: '../../etc', size: 5 } });
  });

  it('whatever it is, makes nothing but the error of the protocol', () => {
    fc.assert(
      fc.property(
        fc.oneof(
          fc.uint8Array(),
          fc.json().map((text) => Buffer.from(text)),
        ),
        fc.nat(9),
        (head, content) => {
          const refusal = refusalOf(head, content);
          if (refusal) expect(refusal).toMatchObject({ code: 'protocol' });
        },
      ),
    );
  });
});

function refusalOf(head: Uint8Array, content: number): FtxError | undefined {
  try {
    readHead(head, content);
    return undefined;
  } catch (error) {
    if (error instanceof FtxError) return error;
    throw error;
  }
}

/** The first bytes of an entry. */
function lengths(head: number, content: number): Uint8Array {
  const bytes = Buffer.alloc(ENTRY_LENGTHS_BYTES);
  bytes.writeUInt16BE(head, 0);
  bytes.writeUInt32BE(content, 2);
  return bytes;
}
