/** The peers an installation knows: one JSON file, replaced as a whole under a lock. */
import { rename } from 'node:fs/promises';
import { join } from 'node:path';
import { nameHost, parseAddress } from '../core/address.js';
import { FtxError } from '../core/errors.js';
import { isFingerprint, type Fingerprint } from '../core/fingerprint.js';
import { homeError, placeFile, readPrivateFile, removeOrphaned } from './private-file.js';
import { withLock } from '../storage/disk/lock.js';
import { makePrivateFolder } from '../storage/disk/private-folder.js';

const PEERS_FILE = 'peers.json';
const VERSION = 1;
const WRITTEN_BY_OTHERS = 0o022;

export interface KnownPeers {
  /** Receivers this installation has sent to, by `host:port`. */
  readonly hosts: ReadonlyMap<string, KnownHost>;
  /** Senders that a receiver of this installation lets in when it lets in known senders only. */
  readonly senders: ReadonlyMap<Fingerprint, KnownSender>;
}

export interface KnownHost {
  readonly identity: Fingerprint;
  /** When the receiver was remembered, in ISO 8601. */
  readonly since: string;
  /** Whether the receiver has proved that it knows a code. False if it was only the first one met at its address. */
  readonly paired: boolean;
}

export interface KnownSender {
  /** The address that the sender came from when it was let in. */
  readonly address: string;
  /** When the sender was let in, in ISO 8601. */
  readonly since: string;
  /** Where the sender has come from since; absent until it comes again. Version 0.1.0 reads over it, and leaves it out when it writes. */
  readonly last?: LastVisit;
}

export interface LastVisit {
  readonly address: string;
  /** In ISO 8601, to the day. */
  readonly day: string;
}

/** Throws FtxError `home` when the file cannot be read or is damaged. */
export async function readKnownPeers(home: string): Promise<KnownPeers> {
  const path = join(home, PEERS_FILE);
  const text = await readPrivateFile(path, WRITTEN_BY_OTHERS, 'they could put a false identity into it');
  return text === undefined ? { hosts: new Map(), senders: new Map() } : parsePeers(path, text);
}

/** Remembers the identity of a host. Resolves with the identity that is remembered: another process may have remembered another one before. Throws FtxError `home`. */
export async function rememberHost(
  home: string,
  host: string,
  identity: Fingerprint,
  paired = false,
): Promise<Fingerprint> {
  return changePeers(home, ({ hosts }) => {
    const known = hosts.get(host);
    if (known && (known.identity !== identity || known.paired || !paired)) return known.identity;
    hosts.set(host, { identity, since: new Date().toISOString(), paired });
    return identity;
  });
}

/** Forgets a host. Resolves with whether it was known. Throws FtxError `home`. */
export async function forgetHost(home: string, host: string): Promise<boolean> {
  return changePeers(home, ({ hosts }) => hosts.delete(host));
}

/** Remembers a sender, and the address that it came from. Throws FtxError `home`. */
export async function rememberSender(home: string, identity: Fingerprint, address: string): Promise<void> {
  await changePeers(home, ({ senders }) => senders.set(identity, { address, since: new Date().toISOString() }));
}

/**
 * Notes that a known sender has come from an address, at most once a day for the same address. A sender that is not
 * known, or not any more, stays unknown. Throws FtxError `home`.
 */
export async function noteVisit(home: string, identity: Fingerprint, address: string): Promise<void> {
  const day = new Date().toISOString().slice(0, 'yyyy-mm-dd'.length);
  const isNews = (known: KnownSender | undefined): known is KnownSender =>
    known !== undefined && (known.last?.address !== address || known.last.day !== day);
  if (!isNews((await readKnownPeers(home)).senders.get(identity))) return;
  await changePeers(home, ({ senders }) => {
    const known = senders.get(identity);
    if (isNews(known)) senders.set(identity, { ...known, last: { address, day } });
  });
}

/** Forgets the senders for which `matches` returns true, and resolves with their identities. Throws FtxError `home`. */
export async function forgetSenders(
  home: string,
  matches: (identity: Fingerprint) => boolean,
): Promise<readonly Fingerprint[]> {
  return changePeers(home, ({ senders }) =>
    [...senders.keys()].filter((identity) => matches(identity) && senders.delete(identity)),
  );
}

interface ChangingPeers {
  readonly hosts: Map<string, KnownHost>;
  readonly senders: Map<Fingerprint, KnownSender>;
}

async function changePeers<T>(home: string, change: (peers: ChangingPeers) => T): Promise<T> {
  const path = join(home, PEERS_FILE);
  try {
    makePrivateFolder(home);
    await removeOrphaned(home);
    return await withLock(`${path}.lock`, async () => {
      const known = await readKnownPeers(home);
      const peers = { hosts: new Map(known.hosts), senders: new Map(known.senders) };
      const result = change(peers);
      // Sessions that meet one receiver at once wait for each other here, and not for the disk.
      if (formatPeers(peers) !== formatPeers(known)) await placeFile(path, formatPeers(peers), rename);
      return result;
    });
  } catch (error) {
    throw homeError(path, 'cannot be written', error);
  }
}

function formatPeers({ hosts, senders }: KnownPeers): string {
  return `${JSON.stringify({ version: VERSION, hosts: Object.fromEntries(hosts), senders: Object.fromEntries(senders) }, null, 2)}\n`;
}

function parsePeers(path: string, text: string): KnownPeers {
  try {
    const {
      version,
      hosts,
      senders = {},
    } = JSON.parse(text) as { version?: unknown; hosts?: unknown; senders?: unknown };
    if (version !== VERSION) throw new Error('another form');
    return {
      hosts: nameAnew(entriesOf(hosts).map(([host, peer]) => [host, parseHost(peer)])),
      senders: new Map(entriesOf(senders).map(([identity, peer]) => [parseIdentity(identity), parseSender(peer)])),
    };
  } catch (error) {
    throw new FtxError(
      'home',
      `${path} is damaged, and is not used until somebody has looked: mend it, or move it away to know no peer again.`,
      {
        cause: error,
      },
    );
  }
}

/**
 * The hosts by the one name that each has today: an older ftx kept several spellings of an address as several hosts.
 * Of those, one that has proved a code counts, or else the first.
 */
function nameAnew(hosts: readonly [string, KnownHost][]): Map<string, KnownHost> {
  const rank = ({ paired, since }: KnownHost) => `${paired ? 0 : 1} ${since}`;
  const all = new Map<string, KnownHost>();
  for (const [host, peer] of hosts) {
    const name = renameHost(host);
    const other = all.get(name);
    if (!other || rank(peer) < rank(other)) all.set(name, peer);
  }
  return all;
}

function renameHost(host: string): string {
  try {
    return nameHost(parseAddress(host));
  } catch {
    return host;
  }
}

function entriesOf(object: unknown): [string, unknown][] {
  if (typeof object !== 'object' || object === null || Array.isArray(object)) throw new Error('another form');
  return Object.entries(object);
}

function parseHost(peer: unknown): KnownHost {
  const { identity, since, paired = false } = peer as { identity?: unknown; since?: unknown; paired?: unknown };
  if (typeof since !== 'string' || typeof paired !== 'boolean') throw new Error('another form');
  return { identity: parseIdentity(identity), since, paired };
}

function parseSender(peer: unknown): KnownSender {
  const { address, since, last } = peer as { address?: unknown; since?: unknown; last?: unknown };
  if (typeof address !== 'string' || typeof since !== 'string') throw new Error('another form');
  const visit = parseVisit(last);
  return { address, since, ...(visit && { last: visit }) };
}

/** Undefined for what is no visit: it lets nobody in, so it need not keep anybody out. */
function parseVisit(visit: unknown): LastVisit | undefined {
  const { address, day } = (visit ?? {}) as { address?: unknown; day?: unknown };
  return typeof address === 'string' && typeof day === 'string' ? { address, day } : undefined;
}

function parseIdentity(identity: unknown): Fingerprint {
  if (typeof identity !== 'string' || !isFingerprint(identity)) throw new Error('another form');
  return identity;
}
