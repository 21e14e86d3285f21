/** Each wait of a sender, with a receiver that goes on saying something and never says what it owes: PROTOCOL.md section 9. */
import { afterEach, beforeEach, expect, it, vi } from 'vitest';
import type { Source } from '../../../src/core/source.js';
import type { Channel } from '../../../src/protocol/channel.js';
import { encodeControl } from '../../../src/protocol/codec.js';
import { CHECK_CAPABILITY, DEFAULT_TIMEOUTS, GREETING, PACKS_CAPABILITY } from '../../../src/protocol/constants.js';
import type { ControlMessage, Message } from '../../../src/protocol/messages.js';
import { sendClassic } from '../../../src/session/classic/send.js';
import { pairAsSender } from '../../../src/session/pairing.js';
import { createTally } from '../../../src/session/tally.js';
import { connectionPair, lost } from '../../support/memory-connection.js';
import { createMemoryLink, createMemorySource } from '../../support/memory-source.js';
import { greetAs, runSender, type SenderRun } from '../../support/session.js';

const { greetingMs, pairMs, idleMs, controlMs, storedMs, goodbyeMs } = DEFAULT_TIMEOUTS;
const HELLO = Buffer.from('hello');
/** Deadlines are looked at so often. */
const LOOK_MS = controlMs / 4;
const TIMEOUT = { code: 'timeout' };
const PING: ControlMessage = { type: 'ping', id: 0 };
const STATUS: ControlMessage = { type: 'status', id: 0, shares: { network: 100, disk: 0, cpu: 0 } };
const channels: Channel[] = [];

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  for (const channel of channels.splice(0)) channel.destroy(lost());
  vi.useRealTimers();
});

/** A sender that waits, and what its receiver says at each second from then on, beside its pings. */
interface Wait {
  readonly result: Promise<unknown>;
  readonly say?: (second: number) => void;
}

interface Meeting {
  readonly sender: SenderRun;
  readonly receiver: Channel;
  /** Sends the message. A sender that has gone hears nothing. */
  readonly say: (message: ControlMessage) => void;
  /** Takes what the sender says up to this type of message. */
  readonly hear: (type: Message['type']) => Promise<void>;
}

/** A sender of one file called `a`, or of these sources, that has greeted a receiver which the test plays. */
async function meet(sources: readonly Source[] = [file('a')], capabilities: string[] = []): Promise<Meeting> {
  const [left, right] = connectionPair();
  const sender = runSender(left, sources);
  const receiver = await greetAs('receiver', right, { offers: 1024, size: 2 ** 40 }, capabilities);
  channels.push(receiver);
  const say = (message: ControlMessage) => void receiver.send(message).catch(() => undefined);
  async function hear(type: Message['type']): Promise<void> {
    for (let heard; heard !== type;) {
      const message = await receiver.receive();
      if (message?.type === 'data' || message?.type === 'pack') await receiver.skipContent(message.length);
      heard = message?.type;
    }
  }
  return { sender, receiver, say, hear };
}

const file = (path: string) => createMemorySource(path, HELLO);
const files = (count: number, length: number) =>
  Array.from({ length: count }, (_, number) => file(`${number}/`.padEnd(length, 'name/').slice(0, -1)));
const ready = (offset = 0, have = false): ControlMessage => ({ type: 'ready', id: 1, offset, have });

async function meetStoring(): Promise<Meeting> {
  const meeting = await meet();
  await meeting.hear('offer');
  meeting.say(ready());
  await meeting.hear('end');
  return meeting;
}

async function waitForOffer(say: (meeting: Meeting, second: number) => void): Promise<Wait> {
  const meeting = await meet();
  await meeting.hear('offer');
  return { result: meeting.sender.result, say: (second) => say(meeting, second) };
}

/** A receiver that reads nothing, and refuses each entry that it can tell to have been offered. */
async function refuseUnread(): Promise<Wait> {
  const { sender, say } = await meet(files(300, 4000));
  let refused = 0;
  const sayMore = () => {
    const offered = sender.events.filter(({ type }) => type === 'offered').length;
    while (refused < offered) say({ type: 'refused', id: ++refused, code: 'denied', message: 'No.' });
    say(PING);
  };
  return { result: sender.result, say: sayMore };
}

/** Two packs have arrived, of the entries 1 and 2, and 4 and 5; `say` gets each second from then on. */
async function waitForPacks(say: (meeting: Meeting, second: number) => void): Promise<Wait> {
  const sources = [file('a'), file('b'), createMemoryLink('l', 'a'), file('c'), file('d')];
  const meeting = await meet(sources, [PACKS_CAPABILITY]);
  await meeting.hear('pack');
  await meeting.hear('offer');
  await meeting.hear('pack');
  meeting.say({ type: 'stored', id: 3, as: 'l', already: false, durable: true });
  return { result: meeting.sender.result, say: (second) => say(meeting, second) };
}

async function waitForClassic(answer: string): Promise<Wait> {
  const [left, script] = connectionPair();
  const result = sendClassic(left, file('a'), {
    tally: createTally(1, undefined),
    timeouts: DEFAULT_TIMEOUTS,
    signal: new AbortController().signal,
  }).catch((error: unknown) => error);
  await script.read();
  void script.write([Buffer.from(answer)]);
  const rest = 'ready'.slice(answer.length);
  const say = (second: number) => {
    const letter = second % 30 === 0 && rest[second / 30];
    if (letter) script.write([Buffer.from(letter)]).catch(() => undefined);
  };
  return { result, say };
}

const waits: Record<string, [limitMs: number, outcome: object, () => Promise<Wait>]> = {
  'the hello, of a receiver that pings': [
    greetingMs,
    TIMEOUT,
    async () => {
      const [left, raw] = connectionPair();
      const { result } = runSender(left, [file('a')]);
      await raw.write([GREETING]);
      return { result, say: () => void raw.write([encodeControl(PING)]).catch(() => undefined) };
    },
  ],
  'the end of pairing, of a receiver that pings': [
    pairMs,
    TIMEOUT,
    async () => {
      const [left, right] = connectionPair();
      const [own, receiver] = await Promise.all([greetAs('sender', left), greetAs('receiver', right)]);
      channels.push(own, receiver);
      const proving = { request: 'R', finish: () => 'P', onProved: () => Promise.resolve() };
      const result = pairAsSender(own, proving, pairMs).catch((error: unknown) => error);
      return { result, say: () => void receiver.send(PING).catch(() => undefined) };
    },
  ],
  'the verdicts on its list, of a receiver that pings': [
    controlMs,
    TIMEOUT,
    async () => {
      const { sender, say } = await meet(files(2, 10), [CHECK_CAPABILITY]);
      return { result: sender.result, say: () => say(PING) };
    },
  ],
  'the verdicts on its list, of a receiver that tells one of them every half a minute': [
    storedMs,
    TIMEOUT,
    async () => {
      const { sender, say } = await meet(files(100, 10), [CHECK_CAPABILITY]);
      const sayNext = (second: number) => {
        const verdict = { index: second / 30, fate: 'refused', code: 'denied', message: 'No.' } as const;
        if (second % 30 === 0) say({ type: 'checked', id: 0, verdicts: [verdict], end: false });
      };
      return { result: sender.result, say: sayNext };
    },
  ],
  'the answer to an offer, of a receiver that pings': [controlMs, TIMEOUT, () => waitForOffer(({ say }) => say(PING))],
  'the answer to an offer, of a receiver that tells its status': [
    storedMs,
    TIMEOUT,
    () => waitForOffer(({ say }) => say(STATUS)),
  ],
  'the answer to an offer, of a receiver that stops to tell its status': [
    100_000 + controlMs,
    TIMEOUT,
    () => waitForOffer(({ say }, second) => say(second <= 100 ? STATUS : PING)),
  ],
  'the digests that an answer announces, of a receiver that tells its status': [
    storedMs,
    TIMEOUT,
    () =>
      waitForOffer(({ say }, second) => {
        if (second === 0) say(ready(HELLO.length, true));
        say(STATUS);
      }),
  ],
  'the answer to an offer, of a receiver that has it offered again and again': [
    storedMs,
    TIMEOUT,
    () =>
      waitForOffer(({ say }, second) => {
        const id = 1 + second / 40;
        if (second % 40 === 0) say({ type: 'error', id, code: 'busy', message: 'Later.', follow: true });
        say(STATUS);
      }),
  ],
  'a receiver that takes nothing, pings, and refuses all that is offered': [
    2 * idleMs + 256_000,
    TIMEOUT,
    refuseUnread,
  ],
  'the word stored, of a receiver that tells its status': [
    storedMs,
    TIMEOUT,
    async () => {
      const { sender, say } = await meetStoring();
      return { result: sender.result, say: () => say(STATUS) };
    },
  ],
  'the answer to a pack, of a receiver that tells its status': [
    storedMs,
    TIMEOUT,
    () => waitForPacks(({ say }) => say(STATUS)),
  ],
  'the answer to a pack, of a receiver that answers all of its entries but one': [
    storedMs,
    TIMEOUT,
    () =>
      waitForPacks(({ say }, second) => {
        if (second === 1) say({ type: 'packed', id: 4, durable: true });
        if (second === 1) say({ type: 'stored', id: 1, as: 'a', already: false, durable: true });
        say(STATUS);
      }),
  ],
  'the answer to a pack, of a receiver that has stored another one meanwhile': [
    300_000 + storedMs,
    TIMEOUT,
    () =>
      waitForPacks(({ say }, second) => {
        if (second === 300) say({ type: 'packed', id: 4, durable: true });
        say(STATUS);
      }),
  ],
  'the answer to a pack of which it has got all answers': [
    storedMs,
    TIMEOUT,
    () =>
      waitForPacks(({ say }, second) => {
        if (second === 0)
          for (const id of [1, 2, 4, 5]) say({ type: 'stored', id, as: 'x', already: false, durable: true });
        say(STATUS);
      }),
  ],
  'a goodbye, of a receiver that tells its status': [
    goodbyeMs,
    { stored: 1, failed: 0 },
    async () => {
      const { sender, say, hear } = await meetStoring();
      say({ type: 'stored', id: 1, as: 'a', already: false, durable: true });
      await hear('goodbye');
      return { result: sender.result, say: () => say(STATUS) };
    },
  ],
  'the word ready, of a classic receiver that spells it': [controlMs, TIMEOUT, () => waitForClassic('r')],
  'the end, of a classic receiver': [2 * idleMs, TIMEOUT, () => waitForClassic('ready')],
};

it.each(Object.entries(waits))(
  'a sender waits for %s, not longer than its limit',
  async (_, [limitMs, outcome, begin]) => {
    const { result, say } = await begin();
    let over = false;
    const isOver = () => over;
    void result.then(() => (over = true));
    const seconds = limitMs / 1000;
    let second = 0;
    for (; second < seconds + LOOK_MS / 1000 + 1 && !isOver(); second++) {
      say?.(second);
      await vi.advanceTimersByTimeAsync(second === seconds - 1 ? 999 : 1000);
      if (second === seconds - 1) expect(isOver()).toBe(false);
    }
    expect(second).toBeGreaterThanOrEqual(seconds);
    expect(isOver()).toBe(true);
    expect(await result).toMatchObject(outcome);
  },
);

it('a sender is served by a receiver that tells its status, and answers just in time', async () => {
  const { sender, say, hear } = await meet();
  await hear('offer');
  const live = async (ms: number) => {
    for (let waited = 0; waited < ms; waited += 1000) {
      say(STATUS);
      await vi.advanceTimersByTimeAsync(1000);
    }
  };
  await live(storedMs - 1000);
  say(ready());
  await hear('end');
  await live(storedMs - 1000);
  say({ type: 'stored', id: 1, as: 'a', already: false, durable: true });
  await hear('goodbye');
  say({ type: 'goodbye', id: 0 });
  expect(await sender.result).toMatchObject({ stored: 1, failed: 0 });
});
