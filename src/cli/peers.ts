import { FtxError } from '../errors.js';
import { spellFingerprint } from '../identity/fingerprint.js';
import { forgetPeer, listPeers, readOwnIdentity } from '../trust.js';
import { formatAddress, parseAddress } from './address.js';
import { escapeText, toJsonLine } from './escape.js';
import { EXIT } from './exit-codes.js';
import type { CliIo } from './io.js';

export interface PeersArguments {
  readonly json?: boolean;
}

/** `ftx id`: who this installation is, for others to compare with. */
export async function runId({ json }: PeersArguments, io: CliIo): Promise<number> {
  const identity = await readOwnIdentity();
  const name = spellFingerprint(identity);
  io.stdout.write(json === true ? `${toJsonLine({ type: 'id', identity, name } as { type: string })}\n` : `${name}\n${identity}\n`);
  return EXIT.ok;
}

/** `ftx peers`: one line for each. */
export async function runPeers({ json }: PeersArguments, io: CliIo): Promise<number> {
  const peers = await listPeers();
  if (peers.length === 0 && json !== true) io.stderr.write('no peers yet: the first ftx send to a host remembers who receives there\n');
  for (const { host, identity, since } of peers) {
    const name = spellFingerprint(identity);
    const line = `${escapeText(host)}  ${name}  since ${since.slice(0, 'yyyy-mm-dd'.length)}  ${identity}`;
    io.stdout.write(json === true ? `${toJsonLine({ type: 'peer', host, identity, name, since } as { type: string })}\n` : `${escapeText(line)}\n`);
  }
  return EXIT.ok;
}

/** `ftx peers forget HOST`. Throws FtxError `not-found`. */
export async function runForget(typed: string, io: CliIo): Promise<number> {
  const to = parseAddress(typed);
  const shown = escapeText(formatAddress(to.host, to.port));
  if (!(await forgetPeer(to))) throw new FtxError('not-found', `${shown} is not known. "ftx peers" shows which hosts are.`);
  io.stderr.write(`forgot ${shown}: the next ftx send there remembers whom it meets\n`);
  return EXIT.ok;
}
