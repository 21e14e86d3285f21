/** Packs of small files, with a receiver that the test plays: PROTOCOL.md section 5, pack. */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { fileDigest } from '../../support/digests.js';
import type { Connection } from '../../../src/core/connection.js';
import type { Entry } from '../../../src/core/entry.js';
import { FtxError } from '../../../src/core/errors.js';
import type { Source } from '../../../src/core/source.js';
import type { Channel } from '../../../src/protocol/channel.js';
import {
  CHECK_CAPABILITY,
  MAX_OPEN_PACKS,
  MAX_PACK_BYTES,
  MAX_PACK_CONTENT_BYTES,
  MAX_PACK_ENTRIES,
  PACK_PREFIX_BYTES,
  PACKS_CAPABILITY,
  PIN_CAPABILITY,
} from '../../../src/protocol/constants.js';
import type { ControlMessage, Message, PackMessage } from '../../../src/protocol/messages.js';
import { encodeEntryHead, measureEntry } from '../../../src/protocol/pack-entry.js';
import { connectionPair, lost } from '../../support/memory-connection.js';
import { createMemoryDirectory, createMemoryLink, createMemorySource } from '../../support/memory-source.js';
import { takeEntries, type PackFile } from '../../support/pack-frames.js';
import { greetAs, runSender, type SenderRun } from '../../support/session.js';

const HELLO = Buffer.from('hello');
/** The head of its entry has more than 8 KiB. */
const LONG_NAME = 'x'.repeat(8192);
const FIVE = ['a', 'b', 'c', 'd', 'e'];
const LIMITS = { offers: 256, size: 2 ** 40 };
const channels: Channel[] = [];

// A pack goes out after some time, so in these tests no time passes unless they say so.
beforeEach(() => {
  vi.useFakeTimers({ toFake: ['performance'] });
});
afterEach(() => {
  for (const channel of channels.splice(0)) channel.destroy(lost());
  vi.useRealTimers();
});

interface Play {
  readonly sender: SenderRun;
  readonly say: (message: ControlMessage) => void;
  /** The next message; the content of `data` is thrown away. */
  readonly hear: () => Promise<Message | undefined>;
  /** The next message, which has to be a pack. */
  readonly hearPack: () => Promise<PackMessage & { readonly files: readonly PackFile[] }>;
  /** What comes up to the goodbye, with each pack and each offer stored, in words such as `pack 1: a b` and `offer 3: c`. */
  readonly storeAll: () => Promise<string[]>;
}

async function play(
  sources: Iterable<Source> | AsyncIterable<Source>,
  capabilities: readonly string[] = [PACKS_CAPABILITY],
  limits = LIMITS,
): Promise<Play> {
  const [left, right] = connectionPair();
  const sender = runSender(left, sources as Iterable<Source>);
  const channel = await greetAs('receiver', right, limits, capabilities);
  channels.push(channel);
  const say = (message: ControlMessage) => void channel.send(message).catch(() => undefined);
  async function hear(): Promise<Message | undefined> {
    const message = await channel.receive();
    if (message?.type === 'data') await channel.skipContent(message.length);
    return message;
  }
  async function hearPack() {
    const message = await hear();
    if (message?.type !== 'pack') throw new Error(`There came ${message?.type ?? 'the end'} in place of a pack.`);
    return { ...message, files: await takeEntries(channel, message) };
  }
  async function storeAll(): Promise<string[]> {
    const heard: string[] = [];
    for (;;) {
      const message = await hear();
      if (message?.type === 'goodbye') break;
      if (message?.type === 'pack') {
        const files = await takeEntries(channel, message);
        heard.push(`pack ${message.id}: ${files.map(({ entry }) => entry.path).join(' ')}`);
        say(packed(message.id));
      } else if (message?.type === 'offer') {
        const { id, entry } = message;
        heard.push(`offer ${id}: ${entry.path}`);
        say(entry.kind === 'file' ? { type: 'ready', id, offset: 0, have: false } : stored(id, entry.path));
      } else if (message?.type === 'end') say(stored(message.id, 'a'));
      else if (message?.type !== 'data') throw new Error(`There came ${message?.type ?? 'the end'}.`);
    }
    say({ type: 'goodbye', id: 0 });
    return heard;
  }
  return { sender, say, hear, hearPack, storeAll };
}

const packed = (id: number, durable = true): ControlMessage => ({ type: 'packed', id, durable });
const stored = (id: number, as: string): ControlMessage => ({ type: 'stored', id, as, already: false, durable: true });
const again = (id: number, offset = 0): ControlMessage => ({ type: 'again', id, offset });

function file(path: string, content: Uint8Array = HELLO, overrides: Partial<Entry> = {}): Source {
  return {
    entry: { path, kind: 'file', size: content.length, mtimeNs: 7n, mode: 0o640, ...overrides },
    async *blocks() {
      if (content.length > 0) yield await Promise.resolve(content);
    },
  };
}

const files = (...paths: string[]) => paths.map((path) => file(path));

function broken(path: string, error: Error): Source {
  return {
    ...file(path),
    async *blocks() {
      await Promise.resolve();
      throw error;
    },
  };
}

/** Lets everything happen that does not wait for time, until the test holds. */
async function until(test: () => boolean): Promise<void> {
  while (!test()) await new Promise(setImmediate);
}

const endsOf = ({ events }: SenderRun) =>
  events.flatMap((event) =>
    event.type === 'stored' || event.type === 'refused' || event.type === 'failed'
      ? [`${event.path} ${event.type}`]
      : [],
  );

describe('a pack', () => {
  it('carries what an offer says of each file, and its content', async () => {
    const sources: Source[] = [
      { ...file('d/a'), pin: 'ab'.repeat(16) },
      file('b', new Uint8Array(), { allocated: 0 }),
      file('c', Buffer.alloc(MAX_PACK_CONTENT_BYTES, 7)),
    ];
    const { sender, hearPack, say, storeAll } = await play(sources, [PACKS_CAPABILITY, PIN_CAPABILITY, 'zeros']);
    const pack = await hearPack();
    expect(pack).toMatchObject({ id: 1, count: 3 });
    expect(pack.files).toEqual(
      await Promise.all(
        sources.map(async (source) => {
          const { entry, pin } = source;
          let content = new Uint8Array();
          for await (const block of source.blocks(0)) content = Uint8Array.from(block);
          return { entry, ...(pin && { pin }), content };
        }),
      ),
    );
    say(packed(1, false));
    expect(await storeAll()).toEqual([]);
    expect(await sender.result).toMatchObject({ stored: 3, failed: 0, bytes: 5 + MAX_PACK_CONTENT_BYTES });
    expect(sender.events.filter(({ type }) => type === 'offered')).toMatchObject(
      sources.map(({ entry: { path, size } }) => ({ path, kind: 'file', size })),
    );
    expect(sender.events.filter(({ type }) => type === 'progress')).toMatchObject([
      { path: 'd/a', bytes: 5 },
      { path: 'c', bytes: MAX_PACK_CONTENT_BYTES },
    ]);
    const digests = await Promise.all(pack.files.map(({ content }) => fileDigest(content)));
    expect(sender.events.filter(({ type }) => type === 'stored')).toMatchObject(
      sources.map(({ entry: { path, size } }, index) => {
        return { path, as: path, size, digest: digests[index], already: false, durable: false };
      }),
    );
  });

  it('tells no pins to a receiver that takes none', async () => {
    const { hearPack } = await play(files('a', 'b').map((source) => ({ ...source, pin: 'ab'.repeat(16) })));
    expect((await hearPack()).files.map(({ pin }) => pin)).toEqual([undefined, undefined]);
  });

  it.each<[string, Source[], string[]]>([
    ['small files in their order', files('c', 'a', 'b'), ['pack 1: c a b']],
    ['a lone file by itself', files('a'), ['offer 1: a']],
    [
      'files around another entry, in their order',
      [
        ...files('a', 'b'),
        file('big', Buffer.alloc(MAX_PACK_CONTENT_BYTES + 1)),
        ...files('c'),
        createMemoryLink('l', 'a'),
        ...files('d', 'e'),
        createMemoryDirectory('f'),
      ],
      ['pack 1: a b', 'offer 3: big', 'offer 4: c', 'offer 5: l', 'pack 6: d e', 'offer 8: f'],
    ],
    [
      'a stream by itself',
      [...files('a', 'b'), createMemorySource('s', HELLO, { size: null }), ...files('c', 'd')],
      ['pack 1: a b', 'offer 3: s', 'pack 4: c d'],
    ],
    [
      'a name that is too long for a pack by itself',
      [...files('a', 'b'), file(LONG_NAME), ...files('c', 'd')],
      ['pack 1: a b', `offer 3: ${LONG_NAME}`, 'pack 4: c d'],
    ],
  ])('takes %s', async (_, sources, expected) => {
    const { sender, storeAll } = await play(sources);
    expect(await storeAll()).toEqual(expected);
    expect(await sender.result).toMatchObject({ stored: sources.length, failed: 0 });
  });

  it('has at most 4096 entries', async () => {
    const sources = Array.from({ length: MAX_PACK_ENTRIES + 5 }, (_, number) => file(`${number}`, new Uint8Array()));
    const { hearPack } = await play(sources);
    expect(await hearPack()).toMatchObject({ id: 1, count: MAX_PACK_ENTRIES });
    expect(await hearPack()).toMatchObject({ id: 1 + MAX_PACK_ENTRIES, count: 5 });
  });

  it.each([0, 1])('has at most 1 MiB: %i bytes too many go into the next one', async (tooMany) => {
    const contents = Array.from({ length: 15 }, () => Buffer.alloc(MAX_PACK_CONTENT_BYTES, 1));
    const sources = contents.map((content, number) => file(`file ${String(number).padStart(2)}`, content));
    const sizeOf = ({ entry }: Source) =>
      measureEntry({ head: encodeEntryHead(entry, undefined)!.length, content: entry.size! });
    const room = MAX_PACK_BYTES - PACK_PREFIX_BYTES - sources.reduce((sum, source) => sum + sizeOf(source), 0);
    // The head tells the size, of five digits as that of the others.
    const last = file('file 15', Buffer.alloc(room - sizeOf(sources[0]!) + MAX_PACK_CONTENT_BYTES + tooMany));
    const { hearPack } = await play([...sources, last, ...files('a', 'b')]);
    const pack = await hearPack();
    expect(pack.count).toBe(tooMany ? 15 : 16);
    if (!tooMany) expect(pack.length).toBe(MAX_PACK_BYTES - PACK_PREFIX_BYTES);
    expect(await hearPack()).toMatchObject({ id: pack.count + 1, count: 18 - pack.count });
  });

  it('goes out after a quarter of a second, so that a slow source does not hold up what was read', async () => {
    const all = files('a', 'b', 'c', 'd', 'e', 'f').map(slowly);
    const { storeAll } = await play(all);
    expect(await storeAll()).toEqual(['pack 1: a b c', 'pack 4: d e f']);
  });

  it('leaves out what cannot be read, and tells why', async () => {
    const sources = [
      broken('x', new FtxError('unreadable', 'x: no permission.')),
      ...files('a', 'b'),
      broken('y', new FtxError('changed', 'y: was modified.')),
      broken('z', new Error('what a surprise')),
      file('short', HELLO, { size: 6 }),
      file('long', HELLO, { size: 4 }),
      ...files('c'),
      broken('last', new FtxError('io', 'last: a bad disk.')),
    ];
    const { sender, storeAll } = await play(sources);
    expect(await storeAll()).toEqual(['pack 1: a b c']);
    expect(await sender.result).toMatchObject({ stored: 3, failed: 6 });
    expect(sender.events.filter(({ type }) => type === 'failed')).toMatchObject([
      { path: 'x', code: 'unreadable', message: 'x: no permission.' },
      { path: 'y', code: 'changed', message: 'y: was modified.' },
      { path: 'z', code: 'unreadable' },
      { path: 'short', code: 'changed' },
      { path: 'long', code: 'changed' },
      { path: 'last', code: 'io' },
    ]);
    expect(sender.events.filter(({ type }) => type === 'offered')).toHaveLength(sources.length);
  });

  it('is not sent when nothing in it can be read', async () => {
    const gone = (path: string) => broken(path, new FtxError('changed', `${path}: was removed.`));
    const { sender, storeAll } = await play([gone('a'), gone('b'), createMemoryLink('l', 'x')]);
    expect(await storeAll()).toEqual(['offer 1: l']);
    expect(endsOf(sender)).toEqual(['a failed', 'b failed', 'l stored']);
  });

  it('is not sent to an older receiver', async () => {
    const { sender, storeAll } = await play(files('a', 'b', 'c'), ['proof', 'pin', 'zeros']);
    expect(await storeAll()).toEqual(['offer 1: a', 'offer 2: b', 'offer 3: c']);
    expect(await sender.result).toMatchObject({ stored: 3 });
  });

  it('takes no file of which the receiver has said in the list that it is there, unless the file has changed since', async () => {
    const all = files(...FIVE);
    let walks = 0;
    const sources = {
      *[Symbol.iterator]() {
        const changed = file('b', HELLO, { mtimeNs: 8n });
        walks += 1;
        yield* walks === 1 ? all : all.map((source) => (source.entry.path === 'b' ? changed : source));
      },
    };
    const { sender, hear, say, storeAll } = await play(sources, [PACKS_CAPABILITY, CHECK_CAPABILITY]);
    expect(await hear()).toMatchObject({ type: 'check', last: true, dryRun: false });
    const verdicts = [1, 2].map((index) => ({ index, fate: 'already', offset: 0 }) as const);
    say({ type: 'checked', id: 0, verdicts, end: true, room: { needed: 5, free: null } });
    expect(await storeAll()).toEqual(['pack 1: a b', 'offer 3: c', 'pack 4: d e']);
    expect(await sender.result).toMatchObject({ stored: 5 });
  });
});

/** A file whose reading takes a tenth of a second. */
function slowly(source: Source): Source {
  return {
    ...source,
    async *blocks(from: number) {
      vi.advanceTimersByTime(100);
      yield* source.blocks(from);
    },
  };
}

describe('the receiver of a pack', () => {
  /** A sender of the files a to e, whose pack has arrived; `more` comes after them. */
  async function meet(more: Source[] = [], limits = LIMITS): Promise<Play> {
    const meeting = await play([...files(...FIVE), ...more], [PACKS_CAPABILITY], limits);
    expect(await meeting.hearPack()).toMatchObject({ id: 1, count: 5 });
    return meeting;
  }

  it('may answer single entries before it answers the rest', async () => {
    const { sender, say, storeAll } = await meet();
    say({ type: 'stored', id: 3, as: 'c (1)', already: false, durable: true });
    say({ type: 'refused', id: 2, code: 'exists', message: 'b: is there.' });
    say({ type: 'error', id: 4, code: 'no-space', message: 'The disk is full.' });
    say({ type: 'stored', id: 1, as: 'a', already: true, durable: true });
    say(packed(1));
    expect(await storeAll()).toEqual([]);
    expect(await sender.result).toMatchObject({ stored: 3, refused: 1, failed: 1 });
    const digest = await fileDigest(HELLO);
    expect(sender.events.filter((event) => 'as' in event)).toMatchObject([
      { path: 'c', as: 'c (1)', size: 5, digest, already: false },
      { path: 'a', as: 'a', size: 5, digest, already: true },
      { path: 'e', as: 'e', size: 5, digest, already: false },
    ]);
    expect(endsOf(sender)).toEqual(['c stored', 'b refused', 'd failed', 'a stored', 'e stored']);
  });

  it('may answer all of its entries by themselves, and has to answer the pack all the same', async () => {
    const { sender, say, hear } = await meet();
    for (const [index, path] of FIVE.entries()) say(stored(1 + index, path));
    await until(() => endsOf(sender).length === 5);
    let hasLeft = false;
    const next = hear().finally(() => (hasLeft = true));
    await new Promise(setImmediate);
    expect(hasLeft).toBe(false);
    say(packed(1));
    expect(await next).toMatchObject({ type: 'goodbye' });
    say({ type: 'goodbye', id: 0 });
    expect(await sender.result).toMatchObject({ stored: 5 });
  });

  it('gets again by themselves an entry that has arrived damaged, and all after it that have no answer', async () => {
    const { sender, say, storeAll } = await meet();
    say(stored(5, 'e'));
    say(again(3));
    say(packed(1));
    expect(await storeAll()).toEqual(['offer 6: c', 'offer 7: d']);
    expect(await sender.result).toMatchObject({ stored: 5, failed: 0 });
    expect(endsOf(sender).sort()).toEqual(FIVE.map((path) => `${path} stored`));
  });

  it('gets an entry again by itself that it has the sender offer again, because a newer transfer has it', async () => {
    const { sender, say, storeAll } = await meet();
    say({ type: 'error', id: 2, code: 'busy', message: 'Another one has it.', follow: true });
    say(packed(1));
    expect(await storeAll()).toEqual(['offer 6: b']);
    expect(await sender.result).toMatchObject({ stored: 5, failed: 0 });
  });

  it('ends an entry as busy that it has the sender offer again for ever', async () => {
    const { sender, say, hear } = await meet();
    const follow = (id: number) => say({ type: 'error', id, code: 'busy', message: 'Later.', follow: true });
    follow(2);
    say(packed(1));
    for (let id = 6; id < 6 + 16; id++) {
      expect(await hear()).toMatchObject({ type: 'offer', id, entry: { path: 'b' } });
      follow(id);
    }
    expect(await hear()).toMatchObject({ type: 'goodbye' });
    expect(endsOf(sender)).toContain('b failed');
  });

  it('gets no more entries at a time than it allows, whatever it wants again', async () => {
    const { sender, say, hear } = await meet([createMemoryLink('f', 'a')], { ...LIMITS, offers: 2 });
    say(again(1));
    // The pack counts until it is answered.
    expect(await hear()).toMatchObject({ type: 'offer', id: 6, entry: { path: 'f' } });
    say({ type: 'refused', id: 6, code: 'exists', message: 'f: is there.' });
    for (const [index, path] of FIVE.entries()) {
      const id = 7 + index;
      expect(await hear()).toMatchObject({ type: 'offer', id, entry: { path } });
      expect(sender.events.filter(({ type }) => type === 'offered')).toHaveLength(id);
      say({ type: 'refused', id, code: 'exists', message: 'It is there.' });
    }
    say(packed(1));
    expect(await hear()).toMatchObject({ type: 'goodbye' });
    say({ type: 'goodbye', id: 0 });
    expect(await sender.result).toMatchObject({ stored: 0, refused: 6 });
  });

  it.each<[string, (say: Play['say']) => void]>([
    ['answers a pack twice', (say) => (say(packed(1)), say(packed(1)))],
    ['answers a pack by the id of another entry', (say) => say(packed(2))],
    ['answers a pack that was never sent', (say) => say(packed(6))],
    ['is ready for an entry of a pack', (say) => say({ type: 'ready', id: 2, offset: 0, have: false })],
    ['is ready to compare an entry of a pack', (say) => say({ type: 'ready', id: 2, offset: 5, have: false })],
    ['wants part of an entry again', (say) => say(again(2, 5))],
    ['wants a block of an entry again', (say) => say(again(2, 1024 ** 2))],
    ['wants part of a pack again twice', (say) => (say(again(4)), say(again(2)))],
    ['answers an entry that was never offered', (say) => say(stored(6, 'f'))],
    ['sends what only a sender may', (say) => say({ type: 'end', id: 2, digest: '0'.repeat(16), size: 5 })],
  ])('is left when it %s', async (_, misbehave) => {
    const { sender, say, hear } = await meet([createMemoryDirectory('d')]);
    misbehave(say);
    expect(await sender.result).toMatchObject({ code: 'protocol' });
    let last = await hear();
    while (last && last.type !== 'error') last = await hear();
    expect(last).toMatchObject({ id: 0, code: 'protocol' });
  });

  it('is not left when answers cross: what comes for an entry that has ended is ignored', async () => {
    const { sender, say, hear } = await meet();
    say(again(4));
    say(stored(5, 'e'));
    say(stored(4, 'd'));
    say(packed(1));
    say(stored(2, 'b (1)'));
    expect(await hear()).toMatchObject({ type: 'offer', id: 6, entry: { path: 'd' } });
    expect(endsOf(sender)).toEqual(['a stored', 'b stored', 'c stored']);
  });

  it('has at most four packs to answer', async () => {
    const sources = Array.from({ length: 6 * MAX_PACK_ENTRIES }, (_, number) => file(`${number}`, new Uint8Array()));
    const { sender, hearPack, say } = await play(sources);
    for (let pack = 0; pack < MAX_OPEN_PACKS; pack++)
      expect(await hearPack()).toMatchObject({ id: 1 + pack * MAX_PACK_ENTRIES });
    await new Promise(setImmediate);
    expect(sender.events.filter(({ type }) => type === 'offered')).toHaveLength(MAX_OPEN_PACKS * MAX_PACK_ENTRIES);
    say(packed(1 + MAX_PACK_ENTRIES));
    expect(await hearPack()).toMatchObject({ id: 1 + MAX_OPEN_PACKS * MAX_PACK_ENTRIES });
  });

  it('has at most as many packs to answer as it allows open entries', async () => {
    const sources = Array.from({ length: 2 * MAX_PACK_ENTRIES }, (_, number) => file(`${number}`, new Uint8Array()));
    const { sender, hearPack, say } = await play(sources, [PACKS_CAPABILITY], { ...LIMITS, offers: 1 });
    await hearPack();
    await new Promise(setImmediate);
    expect(sender.events.filter(({ type }) => type === 'offered')).toHaveLength(MAX_PACK_ENTRIES);
    say(packed(1));
    await hearPack();
  });

  it('is offered a folder only when every file is at its end', async () => {
    const { say, hear } = await meet([createMemoryDirectory('d')]);
    say(again(5));
    say(packed(1));
    expect(await hear()).toMatchObject({ type: 'offer', entry: { path: 'e' } });
    say({ type: 'refused', id: 6, code: 'exists', message: 'e: is there.' });
    expect(await hear()).toMatchObject({ type: 'offer', entry: { path: 'd' } });
  });
});

describe('a sender of packs', () => {
  it('ends with the reason when the connection is lost, and leaves open what has no answer', async () => {
    const { sender, hearPack, say } = await play(files('a', 'b', 'c'));
    await hearPack();
    say(stored(2, 'b'));
    await until(() => endsOf(sender).join() === ['b stored'].join());
    for (const channel of channels) channel.destroy(lost());
    expect(await sender.result).toMatchObject({ code: 'lost' });
    expect(endsOf(sender)).toEqual(['b stored']);
  });

  it('stops in the middle of reading, and tells the receiver', async () => {
    const opened: string[] = [];
    const hanging = files('a', 'b', 'c').map((source) => ({
      ...source,
      async *blocks() {
        opened.push(source.entry.path);
        yield await new Promise<Uint8Array>(() => undefined);
      },
    }));
    const { sender, hear } = await play(hanging);
    await until(() => opened.join() === ['a', 'b', 'c'].join());
    sender.stop.abort(new FtxError('aborted', 'Enough.'));
    expect(await sender.result).toMatchObject({ code: 'aborted' });
    expect(await hear()).toMatchObject({ type: 'error', id: 0, code: 'aborted' });
    expect(endsOf(sender)).toEqual([]);
  });

  it('does not touch the memory of a pack before it is on its way', async () => {
    const [left, right] = connectionPair();
    let release: () => void = () => undefined;
    let last = Promise.resolve();
    const isLarge = (parts: readonly Uint8Array[]) => parts.some(({ length }) => length > 2 ** 16);
    /** Takes the bytes of a pack only when it is released. */
    const slow: Connection = {
      ...left,
      write: (parts) =>
        (last = last.then(async () => {
          if (isLarge(parts)) await new Promise<void>((resolve) => (release = resolve));
          await left.write(parts);
        })),
    };
    const contents = Array.from({ length: 40 }, (_, number) => Buffer.alloc(50_000, number + 1));
    const opened: string[] = [];
    const sources = contents.map((content, number) => {
      const source = file(`${number}`, content);
      return { ...source, blocks: (from: number) => (opened.push(source.entry.path), source.blocks(from)) };
    });
    runSender(slow, sources);
    const channel = await greetAs('receiver', right, LIMITS, [PACKS_CAPABILITY]);
    channels.push(channel);
    // The second pack is full, and waits for the first.
    await until(() => opened.length >= 38);
    const arrived: Uint8Array[] = [];
    while (arrived.length < 40) {
      const next = channel.receive();
      let isHere = false;
      void next.then(() => (isHere = true));
      await until(() => (release(), isHere));
      const files = await takeEntries(channel, (await next) as PackMessage);
      arrived.push(...files.map(({ content }) => content));
    }
    for (const [number, content] of arrived.entries()) expect(contents[number]!.equals(content)).toBe(true);
  });

  it('reads at most eight files at a time', async () => {
    const waiting: (() => void)[] = [];
    const slow = files(...'a b c d e f g h i j k l'.split(' ')).map((source) => ({
      ...source,
      async *blocks() {
        await new Promise<void>((resolve) => waiting.push(resolve));
        yield HELLO;
      },
    }));
    const { storeAll } = await play(slow);
    const heard = storeAll();
    await until(() => waiting.length === 8);
    await new Promise(setImmediate);
    expect(waiting).toHaveLength(8);
    // The last one is the first to be here, and none of them changes its place.
    for (let done = 0; done < slow.length; done++) {
      await until(() => waiting.length > 0);
      waiting.pop()!();
    }
    expect(await heard).toEqual(['pack 1: a b c d e f g h i j k l']);
  });
});
