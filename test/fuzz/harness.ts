/** Runs sessions against an attacker on a clock of the test's own, and judges what came of it. */
import { expect, vi } from 'vitest';
import { formatDigest, createFileDigest, digestBlock } from '../../src/core/checksum.js';
import { BLOCK_BYTES } from '../../src/core/entry.js';
import type { Connection } from '../../src/core/connection.js';
import type { TransferEvent } from '../../src/core/events.js';
import type { Timeouts } from '../../src/protocol/constants.js';
import { assertLinkTarget, parsePath } from '../../src/storage/names/safe-path.js';
import type { MemorySink } from '../support/memory-sink.js';
import { pool, POOL_BLOCKS } from '../support/session.js';
import { forgeFrame } from '../support/forge.js';
import type { Dice } from './dice.js';

export const TIMEOUTS: Timeouts = {
  greetingMs: 1_000,
  pairMs: 1_000,
  idleMs: 2_000,
  offerMs: 5_000,
  controlMs: 2_000,
  storedMs: 5_000,
  goodbyeMs: 1_000,
};
/** All of these one after the other, and a block at the slowest pace. */
const MAX_WAIT_MS = 30_000 + 1024 * 1000;
const STEP_MS = 500;
const PING = forgeFrame(10, 0, new Uint8Array());

/** Lets everything happen that does not wait for time. */
export async function flush(): Promise<void> {
  for (let turn = 0; turn < 3; turn++) await new Promise(setImmediate);
}

export type Ending = 'end' | 'destroy' | 'silence' | 'pings';

/** The attacker stops; `read` tells whether it goes on taking what is said to it. */
export function stop(connection: Connection, ending: Ending): void {
  if (ending === 'end') connection.end();
  if (ending === 'destroy') connection.destroy(new Error('the attacker has gone'));
}

/** Advances the clock until all is over. Fails when that takes longer than the deadlines of the protocol. */
export async function awaitEnd(
  results: readonly Promise<unknown>[],
  attacker: Connection,
  ending: Ending,
  pingsMs = 0,
): Promise<void> {
  const state = { isOver: false };
  void Promise.allSettled(results).then(() => (state.isOver = true));
  for (let spentMs = 0; ; spentMs += STEP_MS) {
    await flush();
    if (state.isOver) return;
    if (spentMs > MAX_WAIT_MS + pingsMs) throw new Error('It is not over, though every deadline has passed.');
    if (ending === 'pings' && spentMs < pingsMs) attacker.write([PING]).catch(() => undefined);
    vi.advanceTimersByTime(STEP_MS);
  }
}

/** Takes what is said to the attacker and throws it away. */
export function readAll(connection: Connection): void {
  void (async () => {
    while (await connection.read());
  })().catch(() => undefined);
}

/** Writes, and sometimes lets time pass. */
export async function say(dice: Dice, connection: Connection, ...parts: Uint8Array[]): Promise<void> {
  connection.write(parts).catch(() => undefined);
  if (dice.chance(0.6)) await flush();
  if (dice.chance(0.05) && vi.isFakeTimers()) vi.advanceTimersByTime(dice.below(1_000));
}

/** What must hold of a receiver after any session. */
export function judgeReceiver(events: readonly TransferEvent[], sink: MemorySink): void {
  const count = (...types: string[]) =>
    events.filter((event) => types.includes(event.type) && 'path' in event && event.path !== null).length;
  expect(count('stored', 'refused', 'failed')).toBe(count('offered'));
  judgeStore(events, sink);
}

/** What is there is where it may be, and what was reported stored is what it was reported to be. */
export function judgeStore(events: readonly TransferEvent[], { entries, parts }: MemorySink): void {
  expect(parts.size).toBe(0);
  for (const [path, entry] of entries) {
    const parsed = parsePath(path);
    if (entry.kind === 'symlink') assertLinkTarget(parsed, entry.target);
  }
  // The last of a name: the policy may have been to overwrite.
  const stored = new Map(events.flatMap((event) => (event.type === 'stored' ? [[event.as, event] as const] : [])));
  for (const event of stored.values()) judgeStored(event, entries);
  expect(events.at(-1)?.type).toBe('done');
  judgePool();
}

/**
 * The digests that may stand under each name at the end; null for what is no file. Entries of one name that are open
 * at the same time are committed and reported in any order, so each of them may be the last.
 */
export function lastDigests(events: readonly TransferEvent[]): Map<string, Set<string | null>> {
  const last = new Map<string, Set<string | null>>();
  const open = new Map<string, number>();
  const begun = new Set<string>();
  for (const event of events) {
    if (!('path' in event) || event.path === null) continue;
    const { path } = event;
    if (event.type === 'offered') {
      if (!open.get(path)) begun.add(path);
      open.set(path, (open.get(path) ?? 0) + 1);
    } else if (event.type === 'stored' || event.type === 'refused' || event.type === 'failed') {
      open.set(path, (open.get(path) ?? 0) - 1);
      if (event.type !== 'stored') continue;
      if (begun.delete(path)) last.delete(event.as);
      last.set(event.as, (last.get(event.as) ?? new Set()).add(event.digest));
    }
  }
  return last;
}

function judgeStored({ as, digest }: Extract<TransferEvent, { type: 'stored' }>, entries: MemorySink['entries']): void {
  const entry = entries.get(as);
  expect(entry).toBeDefined();
  if (entry?.kind === 'file' && digest !== null) expect(digestOf(entry.content)).toBe(digest);
}

export function digestOf(content: Uint8Array): string {
  const digest = createFileDigest();
  for (let at = 0; at < content.length; at += BLOCK_BYTES)
    digest.add(digestBlock(content.subarray(at, at + BLOCK_BYTES)));
  return content.length === 0 ? formatDigest(digestBlock(content)) : digest.value();
}

/** Memory lent to a session must be back at its end. */
function judgePool(): void {
  const leases = Array.from({ length: POOL_BLOCKS }, () => pool.take());
  expect(leases.every(Boolean)).toBe(true);
  for (const lease of leases) lease?.release();
}
