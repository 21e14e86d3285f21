/** The peers an installation knows: one JSON file, replaced as a whole under a lock. */
import { mkdir, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { FtxError } from '../errors.js';
import { isFingerprint, type Fingerprint } from '../identity/fingerprint.js';
import { withLock } from './file-lock.js';
import { homeFailure, placeFile, readPrivateFile } from './home.js';

const PEERS_FILE = 'peers.json';
const VERSION = 1;
const WRITTEN_BY_OTHERS = 0o022;

/** Receivers this installation has sent to, by `host:port`. */
export type KnownHosts = ReadonlyMap<string, KnownPeer>;

export interface KnownPeer {
  readonly identity: Fingerprint;
  /** ISO 8601, when it was remembered. */
  readonly since: string;
}

/** Throws FtxError `home` when the file cannot be read or is damaged. */
export async function readKnownHosts(home: string): Promise<KnownHosts> {
  const path = join(home, PEERS_FILE);
  const text = await readPrivateFile(path, WRITTEN_BY_OTHERS, 'they could put a false identity into it');
  return text === undefined ? new Map() : parseHosts(path, text);
}

/** Remembers a host and returns who it is: what another process has remembered meanwhile stays. */
export async function rememberHost(home: string, host: string, identity: Fingerprint): Promise<Fingerprint> {
  return changeHosts(home, (hosts) => {
    const known = hosts.get(host);
    if (known) return known.identity;
    hosts.set(host, { identity, since: new Date().toISOString() });
    return identity;
  });
}

/** Returns whether it was known. */
export async function forgetHost(home: string, host: string): Promise<boolean> {
  return changeHosts(home, (hosts) => hosts.delete(host));
}

async function changeHosts<T>(home: string, change: (hosts: Map<string, KnownPeer>) => T): Promise<T> {
  const path = join(home, PEERS_FILE);
  try {
    await mkdir(home, { recursive: true, mode: 0o700 });
    return await withLock(`${path}.lock`, async () => {
      const hosts = new Map(await readKnownHosts(home));
      const result = change(hosts);
      const text = JSON.stringify({ version: VERSION, hosts: Object.fromEntries(hosts) }, null, 2);
      await placeFile(path, `${text}\n`, rename);
      return result;
    });
  } catch (error) {
    throw homeFailure(path, 'cannot be written', error);
  }
}

function parseHosts(path: string, text: string): KnownHosts {
  try {
    const { version, hosts } = JSON.parse(text) as { version?: unknown; hosts?: unknown };
    if (version !== VERSION || typeof hosts !== 'object' || hosts === null) throw new Error('another form');
    return new Map(Object.entries(hosts).map(([host, peer]) => [host, parsePeer(peer)]));
  } catch (error) {
    throw new FtxError('home', `${path} is damaged, and is not used until somebody has looked: mend it, or move it away to know no host again.`, {
      cause: error,
    });
  }
}

function parsePeer(peer: unknown): KnownPeer {
  const { identity, since } = peer as { identity?: unknown; since?: unknown };
  if (typeof identity !== 'string' || !isFingerprint(identity) || typeof since !== 'string') throw new Error('another form');
  return { identity, since };
}
