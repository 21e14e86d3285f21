/** `ftx id`, `ftx peers` and `ftx peers forget`: who this installation is, and whom it knows. */
import { FtxError } from '../../core/errors.js';
import { spellFingerprint } from '../../core/fingerprint.js';
import { forgetPeer, forgetSender, isIdentity, listPeers, readOwnIdentity, type KnownPeer } from '../../home/peers.js';
import { formatTarget, nameHost, parseAddress } from '../../core/address.js';
import { escapeText, toJsonLine } from '../screen/escape.js';
import { EXIT } from '../exit-codes.js';
import type { CliIo } from '../screen/io.js';

export interface PeersArguments {
  readonly json?: boolean;
}

/** `ftx id`: the identity of this installation, for people on other machines to compare. */
export async function runId({ json }: PeersArguments, io: CliIo): Promise<number> {
  const identity = await readOwnIdentity();
  const name = spellFingerprint(identity);
  io.stdout.write(
    json ? `${toJsonLine({ type: 'id', identity, name } as { type: string })}\n` : `${name}\n${identity}\n`,
  );
  return EXIT.ok;
}

/** `ftx peers`: one line for each known peer. */
export async function runPeers({ json }: PeersArguments, io: CliIo): Promise<number> {
  const peers = await listPeers();
  if (peers.length === 0 && !json) {
    io.stderr.write(
      'no peers yet: the first ftx send to a host remembers who receives there, ftx receive --pair lets a sender in\n',
    );
  }
  for (const peer of peers) {
    const event = { type: 'peer', ...peer, name: spellFingerprint(peer.identity) };
    io.stdout.write(`${json ? toJsonLine(event) : describePeer(peer)}\n`);
  }
  return EXIT.ok;
}

/** `receiver  backup:6000  k3mq-x2pa-7hwd-a4nt  since 2026-01-31  sha256:…`; a sender has the address that it came from last. */
export function describePeer(peer: KnownPeer): string {
  const { role, identity, since } = peer;
  const where = role === 'receiver' ? peer.host : `from ${peer.lastAddress}`;
  const paired = role === 'receiver' && peer.paired ? 'paired ' : '';
  const seen = role === 'sender' ? `, last seen ${peer.lastSeen}` : '';
  const day = `${paired}since ${since.slice(0, 'yyyy-mm-dd'.length)}${seen}`;
  return escapeText([role.padEnd('receiver'.length), where, spellFingerprint(identity), day, identity].join('  '));
}

async function isKnownHost(typed: string): Promise<boolean> {
  const host = nameHost(parseAddress(typed));
  return (await listPeers()).some((peer) => peer.role === 'receiver' && peer.host === host);
}

/** `ftx peers forget HOST` or an identity. Throws FtxError `not-found`. */
export async function runForget(typed: string, io: CliIo): Promise<number> {
  if (isIdentity(typed) && (await forgetSender(typed))) {
    io.stderr.write(`forgot ${typed}: this sender does not get in any more where only known ones do\n`);
    return EXIT.ok;
  }
  // A name like k3mq-x2pa-7hwd-a4nt may be that of a host.
  if (isIdentity(typed) && (typed.includes(':') || !(await isKnownHost(typed))))
    throw new FtxError('not-found', `No sender ${typed} is known. "ftx peers" shows which are.`);
  const to = parseAddress(typed);
  const shown = escapeText(formatTarget(to));
  if (!(await forgetPeer(to)))
    throw new FtxError('not-found', `${shown} is not known. "ftx peers" shows which hosts are.`);
  io.stderr.write(`forgot ${shown}: the next ftx send there remembers whom it meets\n`);
  return EXIT.ok;
}
