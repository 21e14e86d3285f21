/** What a sender tells of its entries. */
import type { Entry } from '../../core/entry.js';
import { isRefusal, type FtxError } from '../../core/errors.js';
import type { StoredMessage } from '../../protocol/messages.js';
import { secondsSince, type Tally } from '../tally.js';
import type { OpenEntry } from './outgoing-entry.js';

export function tellOffered(tally: Tally, { path, kind, size }: Entry): void {
  tally.emit({ type: 'offered', path, kind, size });
}

/** Tells that the receiver goes on from byte `bytes` of what an earlier session has left. */
export function tellResumed(tally: Tally, { path, size }: Entry, bytes: number): void {
  tally.emit({ type: 'resumed', path, bytes, size });
}

/** Tells that an entry was refused or has failed. */
export function tellFailure(tally: Tally, { path }: Entry, { code, message }: FtxError): void {
  tally.emit({ type: isRefusal(code) ? 'refused' : 'failed', path, code, message });
}

export function tellStored(
  tally: Tally,
  { source, started, ended }: OpenEntry,
  { as, already, durable }: Pick<StoredMessage, 'as' | 'already' | 'durable'>,
): void {
  const { digest, size } = ended ?? { digest: null, size: 0 };
  const { path } = source.entry;
  tally.emit({ type: 'stored', path, as, size, digest, already, durable, seconds: secondsSince(started) });
}
