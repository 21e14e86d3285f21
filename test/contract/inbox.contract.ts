/** What every Inbox promises: call describeInbox with a way to open one. Its sinks are held to their own contract. */
import { describe, expect, it, onTestFinished } from 'vitest';
import { BLOCK_BYTES, MIN_RESUMABLE_BYTES } from '../../src/core/entry.js';
import type { Bringer, Inbox, InboxSession } from '../../src/core/inbox.js';
import { describePlan } from './plan.contract.js';
import { describeSink, expectPart, offerFile, receiveFile, type SinkContract } from './sink.contract.js';

export interface InboxLimits {
  /** Bytes of the largest file to take. */
  readonly maxSize: number;
}

export interface InboxContract<Store> extends Omit<SinkContract<Store>, 'makeSink'> {
  openInbox(store: Store, limits: InboxLimits): Promise<Inbox> | Inbox;
}

const ANN: Bringer = { kind: 'key', id: `sha256:${'a'.repeat(64)}` };
const BOB: Bringer = { kind: 'key', id: `sha256:${'b'.repeat(64)}` };
const HOST: Bringer = { kind: 'none', address: '192.0.2.7' };
const OTHER_HOST: Bringer = { kind: 'none', address: '192.0.2.8' };
/** A sender without a key that calls itself like one with a key. */
const FALSE_ANN: Bringer = { kind: 'none', address: ANN.id };

const SIZE = MIN_RESUMABLE_BYTES + 1;

export function describeInbox<Store>(name: string, contract: InboxContract<Store>): void {
  async function open(store: Store, maxSize = Infinity): Promise<Inbox> {
    const inbox = await contract.openInbox(store, { maxSize });
    onTestFinished(() => inbox.close());
    return inbox;
  }

  /** One inbox for all sessions over a store. */
  const inboxes = new Map<Store, Promise<Inbox>>();
  const asSinks: SinkContract<Store> = {
    ...contract,
    async makeSink(store, { onConflict, maxSize, isKnown = true }) {
      const opening = inboxes.get(store) ?? open(store, maxSize);
      inboxes.set(store, opening);
      return (await opening).session({ bringer: ANN, isKnown, onConflict, isResumable: false });
    },
  };
  describeSink(name, asSinks);
  describePlan(name, asSinks);

  const sessionOf = (inbox: Inbox, bringer: Bringer, options: Partial<InboxSession> = {}) =>
    inbox.session({ bringer, isKnown: true, onConflict: 'rename', isResumable: true, ...options });

  /** A session of the bringer brings one block of a file and breaks off. */
  async function breakOff(inbox: Inbox, bringer: Bringer, options: Partial<InboxSession> = {}): Promise<void> {
    const part = expectPart(await sessionOf(inbox, bringer, options).open(offerFile('film', SIZE)));
    await part.write(new Uint8Array(BLOCK_BYTES), 0);
    part.confirm(0, 7n);
    await part.suspend();
  }

  async function readDurable(inbox: Inbox, bringer: Bringer): Promise<readonly bigint[]> {
    const part = expectPart(await sessionOf(inbox, bringer).open(offerFile('film', SIZE)));
    const { durable } = part;
    await part.suspend();
    return durable;
  }

  async function listParts(inbox: Inbox) {
    const parts = [];
    for await (const part of inbox.parts()) parts.push(part);
    return parts;
  }

  describe(`${name} as an Inbox`, () => {
    it('gives each session its own conflict policy over the same entries', async () => {
      const store = await contract.makeStore();
      const inbox = await open(store);
      const bring = (onConflict: 'rename' | 'overwrite', text: string) =>
        receiveFile(sessionOf(inbox, ANN, { onConflict }), 'x', Buffer.from(text));
      expect(await bring('rename', 'first')).toBe('x');
      expect(await bring('rename', 'second one')).toBe('x (1)');
      expect(await bring('overwrite', 'third')).toBe('x');
      expect(Buffer.from(await contract.readFile(store, 'x')).toString()).toBe('third');
    });

    it('lists a transfer that broke off, with its bringer and its bytes', async () => {
      const inbox = await open(await contract.makeStore());
      await breakOff(inbox, HOST);
      expect(await listParts(inbox)).toEqual([
        {
          ...{ path: 'film', peer: '192.0.2.7', size: SIZE, bytes: BLOCK_BYTES, inUse: false },
          ...{ id: expect.any(String) as string, ageSeconds: expect.any(Number) as number },
        },
      ]);
    });

    it.each([
      ['a key', ANN],
      ['an address', HOST],
    ])('keeps a transfer that broke off for the same bringer with %s', async (_, bringer) => {
      const inbox = await open(await contract.makeStore());
      await breakOff(inbox, bringer);
      expect(await readDurable(inbox, bringer)).toEqual([7n]);
    });

    it.each([
      ['another key', ANN, BOB],
      ['an address instead of a key', ANN, HOST],
      ['another address', HOST, OTHER_HOST],
      ['the key as its address', ANN, FALSE_ANN],
      ['a key instead of an address that spells it', FALSE_ANN, ANN],
    ])('lets no bringer with %s go on with a transfer', async (_, owner, other) => {
      const inbox = await open(await contract.makeStore());
      await breakOff(inbox, owner);
      expect(await readDurable(inbox, other)).toEqual([]);
      expect(await readDurable(inbox, owner)).toEqual([7n]);
    });

    it('keeps nothing of a session that cannot be resumed', async () => {
      const store = await contract.makeStore();
      const inbox = await open(store);
      await breakOff(inbox, ANN, { isResumable: false });
      expect(await listParts(inbox)).toEqual([]);
      expect(await contract.readNames(store)).toEqual([]);
    });

    it('lets a sink that was handed out go on after close', async () => {
      const inbox = await open(await contract.makeStore());
      const sink = sessionOf(inbox, ANN);
      inbox.close();
      expect(await receiveFile(sink, 'x', Buffer.from('data'))).toBe('x');
    });
  });
}
