/** `ftx receive` as a function: opens the inbox, the gate and the mailbox, and closes them in turn. */
import type { Fingerprint } from '../core/fingerprint.js';
import type { Identity } from '../identity/identity.js';
import { openFolderInbox } from '../storage/inbox/inbox.js';
import type { Gate, Pairing } from './gate.js';
import { Mailbox, type ReceiveResult } from './mailbox.js';
import { withDefaults, type MailboxOptions, type ReceiveOptions } from './options.js';

export type { LeftPart } from '../core/inbox.js';
export { dropParts, listParts } from '../storage/inbox/left-parts.js';
export type { ReceiveResult } from './mailbox.js';
export type { ReceiveOptions } from './options.js';

export interface Receiver {
  readonly port: number;
  /** Absolute. */
  readonly dir: string;
  /** This machine's addresses that a sender can use. */
  readonly addresses: readonly string[];
  /** The identity that senders remember; null if the receiver takes unencrypted senders only. */
  readonly identity: Fingerprint | null;
  /** Stops accepting, lets running transfers finish for at most `graceMs` (default 0), then drops them. */
  close(graceMs?: number): Promise<void>;
  /** Resolves when everything is closed. */
  readonly closed: Promise<ReceiveResult>;
}

/** Throws FtxError `usage`, `cannot-create`, `home`, `port-in-use`, `cannot-listen` or `unknown-host`. */
export async function receive(given: ReceiveOptions): Promise<Receiver> {
  const options = withDefaults(given);
  const { plain, access, home, codeMs, signal, onEvent, onCode } = options;
  const inbox = await openFolderInbox(options);
  let gate: Gate | undefined;
  const release = () => {
    gate?.close();
    inbox.close();
  };
  try {
    const own = plain ? undefined : await readIdentity(home);
    const pairing = access === 'pair' ? await makePairing(codeMs) : undefined;
    gate = own && access !== 'open' ? await openGate(options, own, pairing) : undefined;
    const mailbox = new Mailbox({ options, inbox, own, gate });
    const { port, addresses } = await mailbox.listen();
    const closeNow = () => mailbox.close(0);
    signal?.addEventListener('abort', closeNow);
    if (signal?.aborted) closeNow();
    const closed = mailbox.closed.finally(() => {
      release();
      signal?.removeEventListener('abort', closeNow);
    });
    const { dir } = inbox;
    const identity = own?.fingerprint ?? null;
    onEvent({ type: 'listening', dir, port, addresses, identity, access, senders: gate?.senders ?? null });
    if (pairing) onCode?.(pairing.shown);
    return {
      ...{ port, dir, addresses, identity, closed },
      async close(graceMs = 0) {
        mailbox.close(graceMs);
        await closed;
      },
    };
  } catch (error) {
    release();
    throw error;
  }
}

async function readIdentity(home: string | undefined): Promise<Identity> {
  const [{ findHome }, { loadIdentity }] = await Promise.all([
    import('../home/state-dir.js'),
    import('../home/own-identity.js'),
  ]);
  return loadIdentity(findHome(home));
}

async function makePairing(lifetimeMs: number): Promise<Pairing & { readonly shown: string }> {
  const { createCode, createOneTimeCode, spellCode } = await import('../identity/one-time-code.js');
  const text = createCode();
  const code = createOneTimeCode({ now: () => performance.now(), lifetimeMs });
  return { text, code, lifetimeMs, shown: spellCode(text) };
}

async function openGate({ home, onEvent }: MailboxOptions, own: Identity, pairing: Pairing | undefined): Promise<Gate> {
  const [gate, { findHome }] = await Promise.all([import('./gate.js'), import('../home/state-dir.js')]);
  return gate.openGate({ home: findHome(home), own: own.fingerprint, pairing, onEvent });
}
