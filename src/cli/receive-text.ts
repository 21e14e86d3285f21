import { spellFingerprint } from '../identity/fingerprint.js';
import type { EntryKind, TransferEvent } from '../ports.js';
import { formatAddress, peerHost } from './address.js';
import { escapeText } from './escape.js';
import { describeReason } from './failure.js';
import { formatBytes, formatTransfer } from './format.js';
import type { Tally } from './tally.js';

export type OnConflict = 'rename' | 'overwrite' | 'skip' | 'fail';

type Listening = Extract<TransferEvent, { type: 'listening' }>;
type Stored = Extract<TransferEvent, { type: 'stored' }>;

/** What `ftx receive` says on stderr about each event; undefined where it says nothing. */
export type ReceiveText = (event: TransferEvent) => { readonly line: string; readonly isFailure: boolean } | undefined;

export function createReceiveText(onConflict: OnConflict, tally: Tally): ReceiveText {
  const peers = new Map<number, string>();
  const from = (session: number): string => {
    const peer = peers.get(session);
    return peer === undefined ? '' : ` from ${escapeText(peerHost(peer))}`;
  };
  const info = (line: string) => ({ line, isFailure: false });
  const failure = (line: string) => ({ line: `ftx: ${line}`, isFailure: true });

  return (event) => {
    const kind = tally.apply(event);
    switch (event.type) {
      case 'listening':
        return info(describeMailbox(event, onConflict));
      case 'connected':
        peers.set(event.session, event.peer);
        return undefined;
      case 'stored':
        return kind === 'directory' ? undefined : info(describeStored(event, kind) + from(event.session));
      case 'refused':
        return failure(`refused ${escapeText(event.path)}${from(event.session)}: ${describeReason(event)}`);
      case 'failed': {
        const { path, message } = event;
        if (path === null) return failure(`a session${from(event.session)} failed: ${escapeText(message)}`);
        return failure(`${escapeText(path)}${from(event.session)} failed: ${describeReason({ path, message })}`);
      }
      case 'done':
        peers.delete(event.session);
        return undefined;
      case 'peer':
      case 'offered':
      case 'progress':
      case 'sent':
      case 'retrying':
      case 'resumed':
        return undefined;
    }
  };
}

/** `stored photo.jpg as photo (1).jpg (1.2 MB in 0.3 s, 4 MB/s)` */
export function describeStored(event: Stored, kind: EntryKind): string {
  const path = escapeText(event.path);
  const as = event.as === event.path ? '' : ` as ${escapeText(event.as)}`;
  if (kind === 'symlink') return `stored link ${path}${as}${event.durable ? '' : ' (not synchronised)'}`;
  const how = event.already ? `${formatBytes(event.size)}, already there` : formatTransfer(event.size, event.seconds);
  return `stored ${path}${as} (${how}${event.durable ? '' : ', not synchronised'})`;
}

const OPEN_TO: Record<OnConflict, string> = {
  rename: 'can drop files in, none can read, list or overwrite',
  skip: 'can drop files in, none can read, list or overwrite',
  fail: 'can drop files in, none can read, list or overwrite',
  overwrite: 'can drop files in and replace those that are there, none can read or list',
};

/** The banner: where files go, who can drop them, and what to type on the other machine. */
export function describeMailbox({ dir, port, addresses, identity }: Listening, onConflict: OnConflict): string {
  const plain = identity === null;
  return [
    `receiving into ${escapeText(dir)} on port ${port}`,
    `open: anyone who can reach this port ${OPEN_TO[onConflict]}`,
    plain
      ? 'plain: nothing is encrypted and nobody can be sure who receives; use this on networks you trust only'
      : `encrypted: the identity of this receiver is ${spellFingerprint(identity)}`,
    'on the other machine:',
    ...addresses.map((address) => `  ftx send FILE --to ${describeTarget(escapeText(address), port)}${plain ? ' --plain' : ''}`),
  ].join('\n');
}

/** Quoted where a shell would take the brackets for a pattern. */
function describeTarget(host: string, port: number): string {
  const target = formatAddress(host, port);
  return target.startsWith('[') ? `"${target}"` : target;
}
