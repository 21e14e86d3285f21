/** The gate over a memory pair, the sender played by the test. */
import { rm, symlink } from 'node:fs/promises';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import type { TransferEvent } from '../../src/core/events.js';
import { readKnownPeers } from '../../src/home/known-peers.js';
import { createOneTimeCode } from '../../src/identity/one-time-code.js';
import { createProver } from '../../src/identity/pake.js';
import { openGate } from '../../src/mailbox/gate.js';
import { createChannel, sayAndDestroy, type Channel } from '../../src/protocol/channel.js';
import { DEFAULT_TIMEOUTS } from '../../src/protocol/constants.js';
import { pairAsSender } from '../../src/session/pairing.js';
import { FtxError } from '../../src/core/errors.js';
import { tempDir } from '../support/folders.js';
import { connectionPair } from '../support/memory-connection.js';

const OWN = `sha256:${'0'.repeat(64)}` as const;
const SENDER = `sha256:${'a'.repeat(64)}` as const;
const CODE = '48219377';
const LIFETIME_MS = 60_000;
const binding = new Uint8Array(32);

async function openAt(home: string) {
  const events: TransferEvent[] = [];
  const code = createOneTimeCode({ now: () => 0, lifetimeMs: LIFETIME_MS });
  const pairing = { text: CODE, code, lifetimeMs: LIFETIME_MS };
  const gate = await openGate({ home, own: OWN, pairing, onEvent: (event) => events.push(event) });
  onTestFinished(() => gate.close());

  /** A sender that knows the code pairs. Resolves with what either side has come to. */
  async function pair() {
    const [left, right] = connectionPair().map((end) => createChannel(end, DEFAULT_TIMEOUTS)) as [Channel, Channel];
    await Promise.all([left, right].map((channel) => channel.greet({ agent: 'test', capabilities: [] })));
    const address = { host: '192.0.2.7', port: 1 };
    const pass = await gate.admit({ peer: SENDER, address, binding, session: 1, drop: () => undefined });
    if (pass instanceof FtxError || !pass.pair) throw new Error('no stranger');
    const prover = await createProver(CODE, { sender: SENDER, receiver: OWN, binding });
    const told = pairAsSender(left, { ...prover, onProved: () => Promise.resolve() }, LIFETIME_MS).then(
      () => 'paired',
      (error: unknown) => (error as FtxError).message,
    );
    const known = await pass.pair(right).catch((error: unknown) => {
      sayAndDestroy(right, error as FtxError);
      return (error as FtxError).code;
    });
    pass.release();
    return { known, told: await told };
  }
  return { pair, events };
}

it('a sender that does not get in is told of with its address', async () => {
  const events: TransferEvent[] = [];
  const onEvent = (event: TransferEvent) => events.push(event);
  const gate = await openGate({ home: await tempDir(), own: OWN, pairing: undefined, onEvent });
  onTestFinished(() => gate.close());
  const address = { host: '192.0.2.7', port: 1 };
  await gate.admit({ peer: SENDER, address, binding, session: 1, drop: () => undefined });
  expect(events).toMatchObject([{ type: 'failed', path: null, peer: '192.0.2.7:1' }]);
});

it('a list that cannot be written keeps the sender out, names no path to it, and does not use up the code', async () => {
  const folder = await tempDir();
  const home = join(folder, 'home');
  // Nothing can be read below this link, which counts as no list, and nothing can be made there.
  await symlink(join(folder, 'nowhere'), home);
  const { pair, events } = await openAt(home);
  for (let more = 0; more < 4; more += 1) {
    const { known, told } = await pair();
    expect(known).toBe('home');
    expect(told).toMatch(/^The other side has a trouble of its own\./);
    expect(told).not.toContain(home);
  }
  await rm(home);
  expect(await pair()).toEqual({ known: true, told: 'paired' });
  expect([...(await readKnownPeers(home)).senders.keys()]).toEqual([SENDER]);
  expect(events).toMatchObject([{ type: 'paired' }]);
});
