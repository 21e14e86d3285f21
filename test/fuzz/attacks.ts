/** One attack each, whole: everything in it follows from the dice. */
import { expect } from 'vitest';
import type { Connection } from '../../src/core/connection.js';
import type { Sink } from '../../src/core/sink.js';
import type { Source } from '../../src/core/source.js';
import type { TransferEvent } from '../../src/core/events.js';
import { GREETING, HEADER_BYTES } from '../../src/protocol/constants.js';
import { receiveClassic } from '../../src/session/classic/receive.js';
import { sendClassic } from '../../src/session/classic/send.js';
import { createTally } from '../../src/session/tally.js';
import { forgeJson, sealFrame } from '../support/forge.js';
import { connectionPair } from '../support/memory-connection.js';
import { createMemorySink } from '../support/memory-sink.js';
import { createMemoryDirectory, createMemoryLink, createMemorySource } from '../support/memory-source.js';
import { runReceiver, runSender } from '../support/session.js';
import type { Dice } from './dice.js';
import { damage, makeData, makeFrame, makeOffer, makePack, rollId } from './frames.js';
import { createReceiverPlayer, createSenderPlayer, type Player } from './players.js';
import { awaitEnd, flush, judgeReceiver, judgeStore, readAll, say, stop, TIMEOUTS, type Ending } from './harness.js';

const PINGS_MS = 10_000;
const OFFERS = 4;
const SENDER_HELLO = forgeJson(1, 0, { agent: 'fuzz', capabilities: ['status', 'check', 'packs'], idle: 2_000 });
const receiverHello = (dice: Dice) =>
  forgeJson(1, 0, {
    agent: 'fuzz',
    capabilities: dice.pick([['check'], ['check', 'packs'], ['packs']]),
    idle: 2_000,
    limits: { offers: OFFERS, size: '1000000' },
  });

const rollEnding = (dice: Dice) => dice.pick<Ending>(['end', 'end', 'destroy', 'destroy', 'silence', 'pings']);
const rollSink = (dice: Dice) =>
  createMemorySink({
    onConflict: dice.pick(['rename', 'overwrite', 'skip', 'fail']),
    maxSize: 2 ** 21,
    maxFiles: dice.pick([3, 1000]),
    free: dice.pick([2000, 2 ** 40]),
  });

async function introduce(dice: Dice, attacker: Connection, hello: Buffer): Promise<void> {
  if (dice.chance(0.03)) await say(dice, attacker, dice.bytes(dice.below(30)));
  else if (dice.chance(0.97)) await say(dice, attacker, GREETING);
  if (dice.chance(0.95)) await say(dice, attacker, hello);
}

/** As attackReceiver, with a disk behind it, which takes real time: the attacker always leaves. */
export async function attackDisk(dice: Dice, sink: Sink): Promise<TransferEvent[]> {
  const [attacker, own] = connectionPair();
  const run = runReceiver(own, { ...createMemorySink(), ...sink }, TIMEOUTS, { offers: OFFERS, size: 2 ** 21 });
  await introduce(dice, attacker, SENDER_HELLO);
  await play(dice, attacker, createSenderPlayer(dice), dice.below(60));
  stop(attacker, dice.pick(['end', 'destroy']));
  await run.result;
  return run.events;
}

/** Plays by the rules but for a share of its moves, and hears what is said to it unless it is deaf. */
async function play(dice: Dice, attacker: Connection, player: Player, moves: number): Promise<void> {
  const wildness = dice.pick([0, 0.01, 0.05, 0.2, 0.6]);
  const isDeaf = dice.chance(0.1);
  if (!isDeaf) void listen(attacker, player);
  for (let left = moves; left > 0; left--) {
    const frame = dice.chance(wildness) ? makeAny(dice, player) : player.move();
    await say(dice, attacker, ...(dice.chance(wildness / 5) ? damage(dice, frame) : [frame]));
  }
}

function makeAny(dice: Dice, player: Player): Buffer {
  const id = rollId(dice, player.lastId());
  return dice.pick([makeOffer, makeData, makePack, makeFrame, makeFrame])(dice, id);
}

async function listen(attacker: Connection, player: Player): Promise<void> {
  await forEachFrame(
    attacker,
    () => Promise.resolve(),
    (frame) => Promise.resolve(player.hear(frame)),
  ).catch(() => undefined);
}

export async function attackReceiver(dice: Dice): Promise<void> {
  const [attacker, own] = connectionPair();
  const sink = rollSink(dice);
  const run = runReceiver(own, sink, TIMEOUTS, { offers: OFFERS, size: 2 ** 21 });
  await introduce(dice, attacker, SENDER_HELLO);
  await play(dice, attacker, createSenderPlayer(dice), dice.below(60));
  const ending = rollEnding(dice);
  stop(attacker, ending);
  await awaitEnd([run.result], attacker, ending, PINGS_MS);
  judgeReceiver(run.events, sink);
}

function rollSources(dice: Dice): Source[] {
  return Array.from({ length: 1 + dice.below(8) }, (_, n): Source => {
    const size = dice.chance(0.1) ? 1_048_576 + dice.below(3) - 1 : dice.pick([0, 5, 5, dice.below(3000)]);
    const content = size === 5 ? Buffer.from('hello') : new Uint8Array(size).fill(n);
    if (dice.chance(0.1)) return createMemoryDirectory(`d${n}`);
    if (dice.chance(0.1)) return createMemoryLink(`d/l${n}`, 'x');
    return createMemorySource(`f${n}`, content, dice.chance(0.1) ? { size: null } : {});
  });
}

/** Whatever the receiver said: nothing ends twice, and no file is stored that was not sent whole. */
function judgeSender(events: readonly TransferEvent[]): void {
  const ends = events.flatMap((event) =>
    event.type === 'stored' || event.type === 'refused' || event.type === 'failed' ? [event.path] : [],
  );
  const paths = ends.filter((path) => path !== null);
  expect(new Set(paths).size).toBe(paths.length);
}

export async function attackSender(dice: Dice): Promise<void> {
  const [own, attacker] = connectionPair();
  const run = runSender(own, rollSources(dice), TIMEOUTS, dice.chance(0.1));
  await introduce(dice, attacker, dice.chance(0.95) ? receiverHello(dice) : makeFrame(dice, 0));
  await play(dice, attacker, createReceiverPlayer(dice), dice.below(80));
  const ending = rollEnding(dice);
  stop(attacker, ending);
  await awaitEnd([run.result], attacker, ending, PINGS_MS);
  judgeSender(run.events);
}

/** Two honest sides, and somebody between them who changes what is said, with right checks. */
export async function attackBoth(dice: Dice): Promise<void> {
  const [sending, left] = connectionPair();
  const [right, receiving] = connectionPair();
  const sink = rollSink(dice);
  const receiver = runReceiver(receiving, sink, TIMEOUTS, { offers: OFFERS, size: 2 ** 21 });
  const sender = runSender(sending, rollSources(dice), TIMEOUTS, dice.chance(0.1));
  const rate = dice.pick([0, 0.02, 0.1, 0.3]);
  void meddle(dice, left, right, rate);
  void meddle(dice, right, left, rate);
  await awaitEnd([sender.result, receiver.result], left, 'silence');
  judgeReceiver(receiver.events, sink);
  judgeSender(sender.events);
}

async function meddle(dice: Dice, from: Connection, to: Connection, rate: number): Promise<void> {
  try {
    await forEachFrame(
      from,
      (greeting) => to.write([greeting]),
      (frame) => to.write(dice.chance(rate) ? change(dice, Buffer.from(frame)) : [frame]),
    );
    to.end();
  } catch (error) {
    to.destroy(error as Error);
    from.destroy(error as Error);
  }
}

async function forEachFrame(
  from: Connection,
  onGreeting: (greeting: Buffer) => Promise<void>,
  onFrame: (frame: Buffer) => Promise<void>,
): Promise<void> {
  let rest = Buffer.alloc(0);
  let isGreeted = false;
  for (let part = await from.read(); part; part = await from.read()) {
    rest = Buffer.concat([rest, part]);
    if (!isGreeted && rest.length >= GREETING.length) {
      isGreeted = true;
      await onGreeting(rest.subarray(0, GREETING.length));
      rest = rest.subarray(GREETING.length);
    }
    for (let frame = cutFrame(rest); isGreeted && frame; frame = cutFrame(rest)) {
      rest = rest.subarray(frame.length);
      await onFrame(frame);
    }
  }
}

function cutFrame(bytes: Buffer): Buffer | undefined {
  if (bytes.length < HEADER_BYTES) return undefined;
  const end = HEADER_BYTES + bytes.readUInt32BE(8);
  return bytes.length < end ? undefined : bytes.subarray(0, end);
}

function change(dice: Dice, frame: Buffer): Buffer[] {
  switch (dice.below(6)) {
    case 0:
      return [];
    case 1:
      return damage(dice, frame);
    case 2:
      return [makeFrame(dice, rollId(dice, 6)), frame];
    case 3:
      frame.writeUInt32BE(rollId(dice, 6), 4);
      return [sealFrame(frame)];
    case 4: {
      const text = frame
        .toString('latin1')
        .replaceAll(/\d/g, (digit) => (dice.chance(0.3) ? String(dice.below(10)) : digit));
      const changed = Buffer.from(text, 'latin1');
      frame.copy(changed, 0, 0, HEADER_BYTES);
      return [sealFrame(changed)];
    }
    default:
      frame.writeUInt8(dice.below(21), 0);
      return [sealFrame(frame)];
  }
}

export async function attackClassicReceiver(dice: Dice): Promise<void> {
  const [attacker, own] = connectionPair();
  const sink = rollSink(dice);
  const events: TransferEvent[] = [];
  const result = receiveClassic(own, {
    session: 1,
    sink,
    timeouts: TIMEOUTS,
    signal: new AbortController().signal,
    maxSize: 100_000,
    name: 'c',
    onEvent: (event) => events.push(event),
  });
  if (dice.chance(0.8)) readAll(attacker);
  const size = dice.pick(['5', '0', '70000', '100001', '9007199254740993', '007', '5x', '-5', '\u0000']);
  for (const digit of size) await say(dice, attacker, Buffer.from(digit));
  for (let left = dice.below(4); left > 0; left--)
    await say(dice, attacker, dice.bytes(dice.pick([1, 5, 1000, 70_000])));
  const ending = dice.pick<Ending>(['end', 'destroy', 'silence']);
  stop(attacker, ending);
  await awaitEnd([result], attacker, ending);
  judgeStore(events, sink);
}

export async function attackClassicSender(dice: Dice): Promise<void> {
  const [own, attacker] = connectionPair();
  const source = createMemorySource('a', new Uint8Array(dice.pick([0, 5, 70_000, 2_000_000])));
  const result = sendClassic(own, source, {
    tally: createTally(1, undefined),
    timeouts: TIMEOUTS,
    signal: new AbortController().signal,
  });
  result.catch(() => undefined);
  if (dice.chance(0.7)) readAll(attacker);
  await flush();
  const answer = dice.pick(['ready', 'read', 'refused: no\n', 'readyready', '', 'HTTP/1.1 400\r\n', 'x'.repeat(5000)]);
  for (let at = 0; at < answer.length; at += 3) await say(dice, attacker, Buffer.from(answer.slice(at, at + 3)));
  const ending = dice.pick<Ending>(['end', 'destroy', 'silence']);
  stop(attacker, ending);
  await awaitEnd([result], attacker, ending);
}
