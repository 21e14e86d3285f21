import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import type { Connection } from '../../../src/core/connection.js';
import type { TransferEvent } from '../../../src/core/events.js';
import { DEFAULT_TIMEOUTS } from '../../../src/protocol/constants.js';
import { receiveClassic } from '../../../src/session/classic/receive.js';
import { sendClassic } from '../../../src/session/classic/send.js';
import { createTally, type SessionResult } from '../../../src/session/tally.js';
import { codeOf } from '../../support/error-code.js';
import { connectionPair } from '../../support/memory-connection.js';
import { createMemorySink, type MemorySink } from '../../support/memory-sink.js';
import { createMemorySource } from '../../support/memory-source.js';

const bytes = (text: string) => new TextEncoder().encode(text);
const text = (part: Uint8Array | undefined) => part && Buffer.from(part).toString();

beforeEach(() => {
  vi.useFakeTimers();
});
afterEach(() => {
  vi.useRealTimers();
});

describe('receiveClassic', () => {
  let script: Connection;
  let sink: MemorySink;
  let result: Promise<SessionResult>;

  beforeEach(() => {
    const [left, right] = connectionPair();
    script = left;
    sink = createMemorySink();
    result = receiveClassic(right, {
      session: 1,
      sink,
      timeouts: DEFAULT_TIMEOUTS,
      signal: new AbortController().signal,
      maxSize: 100,
      name: 'classic-1',
    });
  });

  const say = (part: string) => void script.write([bytes(part)]).catch(() => undefined);
  const quiet = () => vi.advanceTimersByTimeAsync(300);

  it('takes digits that arrive in several segments, and never answers before they are quiet', async () => {
    for (const digit of '11') {
      say(digit);
      await vi.advanceTimersByTimeAsync(299);
    }
    let answered = false;
    const answer = script.read().finally(() => (answered = true));
    await vi.advanceTimersByTimeAsync(0);
    expect(answered).toBe(false);
    await quiet();
    expect(text(await answer)).toBe('ready');
    say('hello ');
    say('world');
    script.end();
    expect(await result).toMatchObject({ stored: 1, bytes: 11 });
    expect(sink.entries.get('classic-1')).toMatchObject({ content: bytes('hello world') });
  });

  it('takes an empty file', async () => {
    say('0');
    await quiet();
    expect(text(await script.read())).toBe('ready');
    script.end();
    expect(await result).toMatchObject({ stored: 1, bytes: 0 });
  });

  it.each(['abc', '1e9', '007', '-1', '1.5', '5\n', '9'.repeat(30), '9007199254740993'])('loses %j', async (size) => {
    say(size);
    await quiet();
    expect(await result).toMatchObject({ stored: 0, failed: 1, firstFailure: { code: 'protocol' } });
  });

  it.each([
    ['dies early', 'hell', 'lost'],
    ['sends more than it announced', 'hello!', 'protocol'],
  ])('loses the transfer of a sender that %s', async (_, content, code) => {
    say('5');
    await quiet();
    await script.read();
    say(content);
    script.end();
    expect(await result).toMatchObject({ stored: 0, failed: 1, firstFailure: { code } });
    expect(sink.entries.size).toBe(0);
    expect(sink.parts.size).toBe(0);
  });

  it('stores what came from a sender that does not close', async () => {
    say('5');
    await quiet();
    await script.read();
    say('hello');
    await vi.advanceTimersByTimeAsync(5_000);
    expect(await result).toMatchObject({ stored: 1 });
  });

  it('says why it refuses a size over the limit', async () => {
    say('101');
    await quiet();
    expect(text(await script.read())).toMatch(/^refused: .*101.*\n$/);
    expect(await result).toMatchObject({ refused: 1, firstFailure: { code: 'too-large' } });
  });

  it('leaves a sender that stalls', async () => {
    say('5');
    await quiet();
    await script.read();
    say('he');
    await vi.advanceTimersByTimeAsync(1.3 * DEFAULT_TIMEOUTS.idleMs);
    expect(await result).toMatchObject({ failed: 1, firstFailure: { code: 'timeout' } });
    expect(sink.parts.size).toBe(0);
  });
});

describe('sendClassic', () => {
  let script: Connection;
  let sending: Promise<void>;
  let events: TransferEvent[];

  beforeEach(() => {
    const [left, right] = connectionPair();
    script = right;
    events = [];
    sending = sendClassic(left, createMemorySource('a', bytes('hello')), {
      tally: createTally(1, (event) => events.push(event)),
      timeouts: DEFAULT_TIMEOUTS,
      signal: new AbortController().signal,
    });
  });

  it('announces, waits, sends, and waits for the close', async () => {
    expect(text(await script.read())).toBe('5');
    for (const letter of 'ready') await script.write([bytes(letter)]);
    expect(text(await script.read())).toBe('hello');
    expect(await script.read()).toBeUndefined();
    expect(events.some(({ type }) => type === 'sent')).toBe(false);
    script.end();
    await sending;
    expect(events.at(-1)).toMatchObject({ type: 'sent', path: 'a', size: 5 });
  });

  it.each([
    ['answers something else', 'reads', 'protocol'],
    ['refuses', 'refused: full\n', 'refused'],
    ['closes at once', '', 'lost'],
  ])('fails with a receiver that %s', async (_, answer, code) => {
    if (answer !== '') void script.write([bytes(answer)]);
    script.end();
    expect(await codeOf(sending)).toBe(code);
  });

  it('fails with a receiver that never answers', async () => {
    const outcome = codeOf(sending);
    await vi.advanceTimersByTimeAsync(1.3 * DEFAULT_TIMEOUTS.idleMs);
    expect(await outcome).toBe('timeout');
  });
});
