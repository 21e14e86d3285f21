import { randomBytes } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { FtxError } from '../../src/core/errors.js';
import { BLOCK_BYTES } from '../../src/core/entry.js';
import type { Source } from '../../src/core/source.js';
import { createMemorySink } from '../support/memory-sink.js';
import { createMemoryDirectory, createMemoryLink, createMemorySource } from '../support/memory-source.js';
import { transfer } from '../support/session.js';

const contentOf = (sink: ReturnType<typeof createMemorySink>, path: string) => {
  const entry = sink.entries.get(path);
  return entry?.kind === 'file' ? Buffer.from(entry.content) : undefined;
};

describe('a transfer', () => {
  it.each([0, 1, 1023, 1024, 1025, BLOCK_BYTES - 1, BLOCK_BYTES, BLOCK_BYTES + 1, 3 * BLOCK_BYTES + 5])(
    'stores %i bytes',
    async (size) => {
      const content = randomBytes(size);
      const { sent, received, sink, sender } = await transfer([createMemorySource('a', content)]);
      expect(sent).toMatchObject({ stored: 1, refused: 0, failed: 0, bytes: size });
      expect(received).toMatchObject({ stored: 1, bytes: size });
      expect(contentOf(sink, 'a')?.equals(content)).toBe(true);
      expect(sender.events.at(-1)).toMatchObject({ type: 'done', stored: 1 });
    },
  );

  it.each([0, 5, BLOCK_BYTES, 2 * BLOCK_BYTES + 1])('stores a stream of %i bytes', async (size) => {
    const content = randomBytes(size);
    const { sent, sink } = await transfer([createMemorySource('s', content, { size: null })]);
    expect(sent).toMatchObject({ stored: 1, bytes: size });
    expect(contentOf(sink, 's')?.equals(content)).toBe(true);
  });

  it('stores more entries than may be open at once, folders with their times', async () => {
    const files = Array.from({ length: 50 }, (_, n) => createMemorySource(`d/e/${n}`, randomBytes(n)));
    const last = [
      createMemoryLink('d/l', 'e/1'),
      createMemoryDirectory('d/e', { mtimeNs: 7n, mode: 0o700 }),
      createMemoryDirectory('d', { mtimeNs: 8n }),
    ];
    const { sent, sink } = await transfer([...files, ...last]);
    expect(sent).toMatchObject({ stored: 53, failed: 0, refused: 0 });
    expect(sink.entries.get('d/e')).toEqual({ kind: 'directory', mtimeNs: 7n, mode: 0o700 });
    expect(sink.entries.get('d/l')).toEqual({ kind: 'symlink', target: 'e/1' });
    expect(sink.parts.size).toBe(0);
  });

  it('goes on after entries that are refused', async () => {
    const names = ['../evil', '/etc/passwd', 'a\\b', 'CON', 'x/../y', 'good'];
    const { sent, received, sink, sender } = await transfer(
      names.map((name) => createMemorySource(name, randomBytes(9))),
    );
    expect(sent).toMatchObject({ stored: 1, refused: 5, failed: 0, firstFailure: { code: 'bad-name' } });
    expect(received).toMatchObject({ stored: 1, refused: 5 });
    expect([...sink.entries.keys()]).toEqual(['good']);
    expect(sender.events.filter(({ type }) => type === 'refused')).toHaveLength(5);
  });

  it('reports the digest of the content on both sides', async () => {
    const { sender, receiver } = await transfer([createMemorySource('a', Buffer.from('hello'))]);
    for (const { events } of [sender, receiver])
      expect(events.find(({ type }) => type === 'stored')).toMatchObject({ digest: '26c7827d889f6da3', as: 'a' });
  });
});

describe('a name that is taken', () => {
  const there = () => createMemorySink({ onConflict: 'skip' });
  async function sendTwice(second: Source) {
    const sink = there();
    await transfer([createMemorySource('a', Buffer.from('hello'))], sink);
    return transfer([second], sink);
  }

  it('by the same content is answered as already there, and no data is sent', async () => {
    const { sent, sender } = await sendTwice(createMemorySource('a', Buffer.from('hello')));
    expect(sent).toMatchObject({ stored: 1 });
    expect(sender.events.find(({ type }) => type === 'stored')).toMatchObject({ already: true });
  });

  it.each([
    ['other content', createMemorySource('a', Buffer.from('HELLO'))],
    ['another size', createMemorySource('a', Buffer.from('hello!'))],
    ['a stream', createMemorySource('a', Buffer.from('HELLO'), { size: null })],
  ])('by %s is refused', async (_, source) => {
    const { sent, received, sink } = await sendTwice(source);
    expect(sent).toMatchObject({ stored: 0, refused: 1, firstFailure: { code: 'exists' } });
    expect(received).toMatchObject({ refused: 1 });
    expect(contentOf(sink, 'a')?.equals(Buffer.from('hello'))).toBe(true);
  });
});

describe('damage on the way', () => {
  /** Damages the content of the first `times` blocks that are written. */
  function damage(times: number, which = () => true) {
    let left = times;
    return (part: Uint8Array): readonly Uint8Array[] => {
      if (part.length > 64 * 1024 && which() && left-- > 0) part[5]! ^= 1;
      return [part];
    };
  }

  it('of blocks is mended by sending them again', async () => {
    const content = randomBytes(5 * BLOCK_BYTES + 70_000);
    const { sent, sink } = await transfer([createMemorySource('a', content)], undefined, damage(3));
    expect(sent).toMatchObject({ stored: 1 });
    expect(contentOf(sink, 'a')?.equals(content)).toBe(true);
  });

  it('that comes again each time fails the entry with checksum, and the next entry is stored', async () => {
    const sources = [createMemorySource('a', randomBytes(BLOCK_BYTES)), createMemorySource('b', randomBytes(5))];
    const { sent, received, sink } = await transfer(sources, undefined, damage(Infinity));
    expect(sent).toMatchObject({ stored: 1, failed: 1, firstFailure: { code: 'checksum' } });
    expect(received).toMatchObject({ stored: 1, failed: 1 });
    expect([...sink.entries.keys()]).toEqual(['b']);
    expect(sink.parts.size).toBe(0);
  });

  it('of a stream fails the entry, because a stream cannot be read twice', async () => {
    const { sent, sink } = await transfer(
      [createMemorySource('s', randomBytes(BLOCK_BYTES), { size: null })],
      undefined,
      damage(1),
    );
    expect(sent).toMatchObject({ stored: 0, failed: 1, firstFailure: { code: 'checksum' } });
    expect(sink.entries.size).toBe(0);
  });

  it('of a control frame ends the session on both sides', async () => {
    let frames = 0;
    const tamper = (part: Uint8Array) => {
      if (++frames === 3) part[part.length - 3]! ^= 4;
      return [part];
    };
    const { sent, received, sink } = await transfer([createMemorySource('a', randomBytes(5))], undefined, tamper);
    expect(sent).toMatchObject({ code: 'protocol' });
    expect(received).toMatchObject({ stored: 0, failed: 1, firstFailure: { code: 'protocol' } });
    expect(sink.entries.size).toBe(0);
  });
});

describe('a source', () => {
  const failing = (code: 'changed' | 'unreadable'): Source => ({
    ...createMemorySource('bad', new Uint8Array(2 * BLOCK_BYTES).fill(1)),
    async *blocks() {
      await Promise.resolve();
      yield new Uint8Array(BLOCK_BYTES).fill(1);
      throw new FtxError(code, 'bad: broke');
    },
  });

  it.each(['changed', 'unreadable'] as const)(
    'that is %s fails its entry, and the next one is stored',
    async (code) => {
      const { sent, received, sink } = await transfer([failing(code), createMemorySource('good', randomBytes(5))]);
      expect(sent).toMatchObject({ stored: 1, failed: 1, firstFailure: { code } });
      expect(received).toMatchObject({ stored: 1, failed: 1, firstFailure: { code } });
      expect([...sink.entries.keys()]).toEqual(['good']);
      expect(sink.parts.size).toBe(0);
    },
  );

  it('hears from the receiver that its disk failed', async () => {
    const sink = createMemorySink({ maxSize: BLOCK_BYTES });
    const { sent } = await transfer([createMemorySource('s', new Uint8Array(3 * BLOCK_BYTES), { size: null })], sink);
    expect(sent).toMatchObject({ refused: 1, firstFailure: { code: 'too-large' } });
    expect(sink.parts.size).toBe(0);
  });
});
