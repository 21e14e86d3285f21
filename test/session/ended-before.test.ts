/** Sessions that have to end before they have begun, because their side is full or stops meanwhile. */
import { expect, it } from 'vitest';
import { FtxError } from '../../src/core/errors.js';
import { createChannel } from '../../src/protocol/channel.js';
import { DEFAULT_TIMEOUTS } from '../../src/protocol/constants.js';
import { createBlockPool } from '../../src/session/receive/block-pool.js';
import { receiveSession } from '../../src/session/receive/receiver.js';
import { greetReceiver } from '../../src/session/send/greet.js';
import { connectionPair } from '../support/memory-connection.js';
import { createMemorySink } from '../support/memory-sink.js';

const BUSY = new FtxError('busy', 'There is no room.');
const timeouts = DEFAULT_TIMEOUTS;

it('a receiver greets before it says why, so that the sender takes it for a receiver and tries again', async () => {
  const [left, right] = connectionPair();
  const receiving = receiveSession(right, {
    ...{ session: 1, sink: createMemorySink(), pool: createBlockPool(1), limits: { offers: 4, size: 1 }, timeouts },
    bringer: { kind: 'none', address: '192.0.2.1' },
    signal: AbortSignal.abort(BUSY),
    onEvent: () => undefined,
  });
  const sending = greetReceiver(left, { timeouts, signal: new AbortController().signal });
  await expect(sending).rejects.toMatchObject({ code: 'busy', message: BUSY.message });
  await receiving;
});

it('a sender greets before it says why', async () => {
  const [left, right] = connectionPair();
  const sending = greetReceiver(left, { timeouts, signal: AbortSignal.abort(BUSY) });
  await expect(sending).rejects.toMatchObject({ code: 'busy' });
  const receiver = createChannel(right, timeouts);
  await expect(receiver.greet({ agent: 'test', capabilities: [] })).rejects.toMatchObject({ message: BUSY.message });
});
