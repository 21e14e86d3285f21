/** Listens, and hands every connection to the mailbox. */
import { DEFAULT_KEEP_PARTS_MS, DEFAULT_PORT } from '../core/defaults.js';
import type { Fingerprint } from '../core/fingerprint.js';
import type { Identity } from '../identity/identity.js';
import type { Gate, Pairing } from './gate.js';
import { FtxError } from '../core/errors.js';
import { Mailbox, type ReceiveResult } from './mailbox.js';
import { listen } from '../net/listen.js';
import type { ReceiveOptions } from './options.js';
import { prepareFolder } from '../storage/inbox/folders.js';
import { removeOldParts } from '../storage/inbox/left-parts.js';
import { createQuota } from '../storage/inbox/quota.js';
import { probeFold } from '../storage/names/same-names.js';

export type { ReceiveResult } from './mailbox.js';
export type { ReceiveOptions } from './options.js';
export { listParts, type LeftPart } from '../storage/inbox/left-parts.js';

export interface Receiver {
  readonly port: number;
  /** Absolute. */
  readonly dir: string;
  /** This machine's addresses that a sender can use. */
  readonly addresses: readonly string[];
  /** What senders remember of it; null when it takes unencrypted ones only. */
  readonly identity: Fingerprint | null;
  /** Stops accepting, lets running transfers finish for at most `graceMs` (default 0), then drops them. */
  close(graceMs?: number): Promise<void>;
  /** Resolves when everything is closed. */
  readonly closed: Promise<ReceiveResult>;
}

const DAY_MS = 24 * 60 * 60 * 1000;

/** Throws FtxError `usage`, `cannot-create`, `home`, `port-in-use`, `denied` or `unknown-host`. */
export async function receive(options: ReceiveOptions): Promise<Receiver> {
  if (options.plain && options.access !== undefined && options.access !== 'open')
    throw new FtxError(
      'usage',
      'Without encryption nobody can tell who sends: a receiver that is not open does not go with plain.',
    );
  const dir = await prepareFolder(options.dir);
  const own = options.plain ? undefined : await readIdentity(options.home);
  const identity = own?.fingerprint ?? null;
  const { access = 'open' } = options;
  const pairing = access === 'pair' ? await makePairing(options.codeMs) : undefined;
  const quota = options.quota === undefined ? undefined : await createQuota(dir, options.quota);
  const fold = await probeFold(dir);
  // Last of what can fail before it has an owner: its clock keeps the process.
  const gate = own && access !== 'open' ? await openGate(options, own, pairing) : undefined;
  const mailbox = new Mailbox({ dir, quota, fold }, options, own, gate);
  const { port = DEFAULT_PORT, host, signal, onEvent } = options;
  const { maxLingering } = mailbox;
  const onConnection = mailbox.take.bind(mailbox);
  const listener = await listen({ port, host, maxLingering, onConnection }).catch((error: unknown) => {
    gate?.close();
    throw error;
  });
  mailbox.attach(listener);
  const closeNow = () => mailbox.close(0);
  signal?.addEventListener('abort', closeNow);
  if (signal?.aborted) closeNow();
  const cleaning = startCleaning(dir, options.keepPartsMs ?? DEFAULT_KEEP_PARTS_MS);
  const closed = mailbox.closed.finally(() => {
    clearInterval(cleaning);
    signal?.removeEventListener('abort', closeNow);
  });
  onEvent?.({
    type: 'listening',
    dir,
    port: listener.port,
    addresses: listener.addresses,
    identity,
    access,
    senders: gate?.senders ?? null,
  });
  if (pairing) options.onCode?.(pairing.shown);
  return {
    port: listener.port,
    dir,
    addresses: listener.addresses,
    identity,
    closed,
    async close(graceMs = 0) {
      mailbox.close(graceMs);
      await closed;
    },
  };
}

/** Removes broken transfers that have been left for too long, now and once a day. */
function startCleaning(dir: string, keepMs: number): NodeJS.Timeout {
  const clean = () => void removeOldParts(dir, keepMs).catch(() => undefined);
  clean();
  return setInterval(clean, DAY_MS);
}

async function readIdentity(home: string | undefined): Promise<Identity> {
  const [{ findHome }, { loadIdentity }] = await Promise.all([
    import('../home/state-dir.js'),
    import('../home/own-identity.js'),
  ]);
  return loadIdentity(findHome(home));
}

async function makePairing(lifetimeMs: number | undefined): Promise<Pairing & { readonly shown: string }> {
  const { createCode, createOneTimeCode, DEFAULT_CODE_MS, spellCode } = await import('../identity/one-time-code.js');
  const text = createCode();
  const ms = lifetimeMs ?? DEFAULT_CODE_MS;
  const code = createOneTimeCode({ now: () => performance.now(), lifetimeMs: ms });
  return { text, code, lifetimeMs: ms, shown: spellCode(text) };
}

async function openGate({ home, onEvent }: ReceiveOptions, own: Identity, pairing: Pairing | undefined): Promise<Gate> {
  const [access, { findHome }] = await Promise.all([import('./gate.js'), import('../home/state-dir.js')]);
  return access.openGate({ home: findHome(home), own: own.fingerprint, pairing, onEvent: (event) => onEvent?.(event) });
}
