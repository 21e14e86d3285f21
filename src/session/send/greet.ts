/** The sender's greeting, and how a session tells its peer why it ends. */
import { formatAddress } from '../../core/address.js';
import { abortReason, codeFromReceiver, FtxError, toFtxError } from '../../core/errors.js';
import type { Connection } from '../../core/connection.js';
import { VERSION } from '../../core/version.js';
import { createChannel, sayAndDestroy, type Channel } from '../../protocol/channel.js';
import {
  CHECK_CAPABILITY,
  FOLLOW_CAPABILITY,
  PACKS_CAPABILITY,
  PIN_CAPABILITY,
  PROOF_CAPABILITY,
  STATUS_CAPABILITY,
  type Timeouts,
} from '../../protocol/constants.js';
import type { Hello, Message, ReceiverLimits } from '../../protocol/messages.js';

const CAPABILITIES = [
  STATUS_CAPABILITY,
  CHECK_CAPABILITY,
  PROOF_CAPABILITY,
  PIN_CAPABILITY,
  FOLLOW_CAPABILITY,
  PACKS_CAPABILITY,
];

/** A receiver that has greeted, and the channel to it. */
export interface Greeted {
  readonly channel: Channel;
  readonly hello: ReceiverHello;
}

export type ReceiverHello = Hello & { readonly limits: ReceiverLimits };

export interface GreetOptions {
  readonly timeouts: Timeouts;
  /** The id of the transfer, 32 hex digits, the same in all attempts. */
  readonly transfer?: string | undefined;
  /** Ends the greeting; the receiver is told the reason. */
  readonly signal: AbortSignal;
}

/**
 * Exchanges greetings with a receiver over a connection of which nothing was
 * read yet. Throws FtxError `protocol` if the other side is not an ftx receiver,
 * the error that the receiver gives as its reason, or the reason of the signal.
 * The connection is then closed.
 */
export function greetReceiver(connection: Connection, { timeouts, signal, transfer }: GreetOptions): Promise<Greeted> {
  const channel = createChannel(connection, timeouts, judgeCodes);
  return withLastWord(channel, signal, async () => {
    const hello = await channel.greet({ agent: `ftx/${VERSION}`, capabilities: CAPABILITIES, transfer });
    if (!isOfReceiver(hello)) throw new FtxError('protocol', `${formatAddress(channel.address)} is not a receiver.`);
    return { channel, hello };
  });
}

/** Takes from a receiver only the codes that a receiver can mean. */
function judgeCodes(message: Message): Message {
  if (message.type === 'error') return { ...message, code: codeFromReceiver(message.code, 'io') };
  if (message.type === 'refused') return { ...message, code: codeFromReceiver(message.code, 'refused') };
  if (message.type !== 'checked') return message;
  const verdicts = message.verdicts.map((verdict) =>
    verdict.fate === 'refused' ? { ...verdict, code: codeFromReceiver(verdict.code, 'refused') } : verdict,
  );
  return { ...message, verdicts };
}

function isOfReceiver(hello: Hello): hello is ReceiverHello {
  return hello.limits !== undefined;
}

/**
 * Does `work` over the channel. If it fails, or the signal aborts meanwhile,
 * the peer is told the reason, the channel is closed, and the reason is thrown
 * as FtxError.
 */
export async function withLastWord<T>(channel: Channel, signal: AbortSignal, work: () => Promise<T>): Promise<T> {
  const abort = () => sayAndDestroy(channel, abortReason(signal));
  signal.addEventListener('abort', abort);
  try {
    if (signal.aborted) throw abortReason(signal);
    return await work();
  } catch (error) {
    const failure = toFtxError(error);
    sayAndDestroy(channel, failure);
    throw failure;
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
