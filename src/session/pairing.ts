/**
 * Pairing: a sender and a receiver that know the same code prove it to each
 * other. It comes after the greeting and before anything else. PROTOCOL.md
 * section 13.
 */
import { formatAddress } from '../core/address.js';
import { FtxError } from '../core/errors.js';
import type { Channel } from '../protocol/channel.js';
import type { Message, PairStep } from '../protocol/messages.js';
import { within } from '../protocol/watch.js';

/** What the sender's side needs; all texts are base64url. */
export interface Proving {
  /** The first text, which asks for the answer. */
  readonly request: string;
  /** The sender's proof; undefined if the answer does not prove that the receiver knows the code. */
  readonly finish: (answer: string) => string | undefined;
  /** Called when the receiver has proved that it knows the code, before the sender proves the same. */
  readonly onProved: () => Promise<void>;
}

/** What the receiver's side needs; all texts are base64url. */
export interface Verifying {
  /** The answer to a request. Called at most once; the call counts as a try. */
  readonly answer: (request: string) => Promise<string>;
  /** Checks the proof and remembers the sender. Throws FtxError `unpaired` if the proof is wrong. */
  readonly accept: (proof: string) => Promise<void>;
}

/**
 * The sender's side. Throws FtxError `unpaired` when the two do not know the
 * same code or somebody stands between them, and `timeout` after `limitMs`.
 */
export function pairAsSender(channel: Channel, proving: Proving, limitMs: number): Promise<void> {
  return within(limitMs, channel, 'finish pairing', prove(channel, proving));
}

/**
 * The receiver's side. Resolves with false if the sender leaves without a try,
 * perhaps to ask a person for the code. Throws FtxError `unpaired`, and
 * `timeout` after `limitMs`.
 */
export function pairAsReceiver(channel: Channel, verifying: Verifying, limitMs: number): Promise<boolean> {
  return within(limitMs, channel, 'finish pairing', verify(channel, verifying));
}

async function prove(channel: Channel, { request, finish, onProved }: Proving): Promise<void> {
  await say(channel, 'request', request);
  const proof = finish(readStep('answer', channel, await channel.receive()));
  if (proof === undefined)
    throw new FtxError(
      'unpaired',
      `The code is not the one that ${formatAddress(channel.address)} shows now, or somebody stands in between. Nothing was sent. Look at its screen, and send again.`,
    );
  await onProved();
  await say(channel, 'proof', proof);
  readStep('paired', channel, await channel.receive());
}

async function verify(channel: Channel, { answer, accept }: Verifying): Promise<boolean> {
  const first = await channel.receive();
  if (first === undefined || first.type === 'goodbye' || first.type === 'error') return false;
  if (first.type !== 'pair')
    throw new FtxError('unpaired', 'This receiver asks new senders for a code, which that version of ftx cannot give.');
  await say(channel, 'answer', await answer(readStep('request', channel, first)));
  await accept(readStep('proof', channel, await channel.receive()));
  await say(channel, 'paired', '');
  return true;
}

function say(channel: Channel, step: PairStep, data: string): Promise<void> {
  return channel.send({ type: 'pair', id: 0, step, data });
}

/** The text of the step that is due. Throws FtxError for any other message. */
function readStep(step: PairStep, { address }: Channel, message: Message | undefined): string {
  if (message === undefined)
    throw new FtxError('lost', `${formatAddress(address)} closed the connection in the middle of pairing. Try again.`);
  if (message.type === 'error') throw new FtxError(message.code, message.message);
  if (message.type === 'pair' && message.step === step) return message.data;
  throw new FtxError('protocol', `${formatAddress(address)} did not go on with pairing as ftx does.`);
}
