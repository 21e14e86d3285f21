/** What a receiver reads of its own files, because senders prove that they have them. */
import { createHash } from 'node:crypto';
import { expect, it } from 'vitest';
import type { Sink } from '../../../src/core/sink.js';
import { createChannel } from '../../../src/protocol/channel.js';
import { DEFAULT_TIMEOUTS, PROOF_CAPABILITY } from '../../../src/protocol/constants.js';
import { createProofs } from '../../../src/session/receive/proof.js';
import { connectionPair, lost } from '../../support/memory-connection.js';
import { createMemorySink } from '../../support/memory-sink.js';
import { runReceiver } from '../../support/session.js';

/** Files that are read at the same time, and blocks of one that are read before it is the turn of another. */
const AT_ONCE = 2;
const BLOCKS_A_TURN = 16;
const BLOCK = new Uint8Array([7]);
const NONCE = new Uint8Array(32);

/** Proves rightly that the sender has a file of so many blocks. `blocks` is called when the file waits for its turn. */
function prove(host: string, count: number, blocks: () => AsyncIterable<Uint8Array>): Promise<boolean> {
  const unused = () => Promise.reject(new Error('The proof was right.'));
  const present = {
    state: 'present',
    as: 'x',
    id: host,
    accept: () => undefined,
    blocks,
    receiveFirst: unused,
  } as const;
  const hash = createHash('sha256').update(NONCE);
  for (let block = 0; block < count; block += 1) hash.update(BLOCK);
  const proofs = createProofs({ bringer: { kind: 'none', address: host }, host, onBlock: () => undefined });
  return proofs.hasSameContent(present, { nonce: NONCE, proof: hash.digest('hex'), digest: '' });
}

it('a small file is compared although as many large files as may be read at once are begun', async () => {
  const order: string[] = [];
  let open: () => void = () => undefined;
  const gate = new Promise<void>((resolve) => (open = resolve));
  async function* read(name: string, count: number) {
    for (let block = 0; block < count; block += 1) {
      if (name === 'large') await gate;
      order.push(name);
      yield BLOCK;
    }
  }
  const hosts = Array.from({ length: AT_ONCE }, (_, number) => `198.51.100.${number}`);
  const large = hosts.map((host) => prove(host, 100, () => read('large', 100)));
  const small = prove('203.0.113.1', 1, () => {
    open();
    return read('small', 1);
  });
  expect(await Promise.all([small, ...large])).toEqual([true, true, true]);
  expect(order.indexOf('small')).toBeLessThanOrEqual(AT_ONCE * BLOCKS_A_TURN);
});

it('a file is not read to its end for a sender that has left', async () => {
  const many = 100_000;
  let read = 0;
  let isClosed = false;
  let begin: () => void = () => undefined;
  const begun = new Promise<void>((resolve) => (begin = resolve));
  const content = new Uint8Array(many);
  const memory = createMemorySink();
  memory.entries.set('film', { kind: 'file', content, mode: 0o644, mtimeNs: 0n });
  async function* blocks() {
    try {
      for (; read < many; read += 1) {
        await new Promise(setImmediate);
        begin();
        yield BLOCK;
      }
    } finally {
      isClosed = true;
    }
  }
  const sink: Sink = {
    ...memory,
    async open(...given) {
      const opened = await memory.open(...given);
      return opened.state === 'present' ? { ...opened, blocks } : opened;
    },
  };
  const [left, right] = connectionPair();
  const { result } = runReceiver(right, { ...memory, ...sink });
  const channel = createChannel(left, DEFAULT_TIMEOUTS);
  await channel.greet({ agent: 'test', capabilities: [PROOF_CAPABILITY] });
  const entry = { path: 'film', kind: 'file', size: many, mtimeNs: 0n, mode: 0o644 } as const;
  await channel.send({ type: 'offer', id: 1, entry });
  expect(await channel.receive()).toMatchObject({ type: 'ready', offset: many });
  await channel.send({ type: 'end', id: 1, digest: '0'.repeat(16), size: many, proof: '0'.repeat(64) });
  await begun;
  channel.destroy(lost());
  expect(await result.catch((error: unknown) => error)).toBeDefined();
  expect(isClosed).toBe(true);
  expect(read).toBeLessThan(many);
});
