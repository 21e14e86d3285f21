/** Tells the sender, and the listeners of events, how far an entry is and how it has ended. */
import { isRefusal, type FtxError } from '../../core/errors.js';
import { BLOCK_BYTES } from '../../core/entry.js';
import type { Channel } from '../../protocol/channel.js';
import type { ReceiverWatch } from '../shares.js';
import { secondsSince, type Tally } from '../tally.js';
import type { IncomingEntry, IncomingEntryIn, Offered, Stored } from './incoming-entry.js';

export interface EndingOptions {
  readonly channel: Channel;
  readonly tally: Tally;
  readonly watch: ReceiverWatch;
}

/** The entry is stored: the sender is told, and then the user. */
export function tellStored(
  { channel, tally, watch }: EndingOptions,
  { id, offer: { path }, startedAt }: Offered,
  { as, digest, size, already, isUnasked }: Stored,
  durable: boolean,
): void {
  const shares = size >= BLOCK_BYTES ? watch.total() : undefined;
  const told = isUnasked && digest !== null ? { digest } : {};
  channel.send({ type: 'stored', id, as, already, durable, shares, ...told }).catch(() => undefined);
  tally.emit({ type: 'stored', path, as, size, digest, already, durable, seconds: secondsSince(startedAt) });
}

/** The entry is not stored: the sender is told. Returns the function that tells the user. */
export function tellFailed(
  { channel, tally }: EndingOptions,
  { id, state, offer: { path } }: IncomingEntry,
  { code, message }: FtxError,
): () => void {
  const refused = isRefusal(code);
  const type = refused && state === 'opening' ? 'refused' : 'error';
  channel.send({ type, id, code, message }).catch(() => undefined);
  return () => tally.emit({ type: refused ? 'refused' : 'failed', path, code, message });
}

export function tellProgress(tally: Tally, { offer: { path, size }, file }: IncomingEntryIn<'receiving'>): void {
  tally.emit({ type: 'progress', path, bytes: file.bytes(), size, total: null });
}
