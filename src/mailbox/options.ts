/** The options of receive(): as a program gives them, and complete, as the mailbox uses them. */
import type { Access, EventListener } from '../core/events.js';
import {
  DEFAULT_CODE_MS,
  DEFAULT_KEEP_PARTS_MS,
  DEFAULT_MAX_CONNECTIONS,
  DEFAULT_MAX_FILES,
  DEFAULT_MAX_SIZE,
  DEFAULT_ON_CONFLICT,
  DEFAULT_PORT,
  DEFAULT_TIMEOUT_MS,
  type Complete,
} from '../core/defaults.js';
import { FtxError } from '../core/errors.js';
import type { ConflictPolicy } from '../core/inbox.js';

export interface ReceiveOptions {
  /** Where files go; made if it is missing. */
  readonly dir: string;
  /** Default 6000; 0 takes a free port. */
  readonly port?: number | undefined;
  /** The address of this machine to listen on. Default: all addresses. */
  readonly host?: string | undefined;
  /** What happens to a file whose name is taken. Default `rename`. */
  readonly onConflict?: ConflictPolicy | undefined;
  /** Bytes of the largest file to take. Default 10 GiB. */
  readonly maxSize?: number | undefined;
  /** Files, links and folders that one session may bring. Default 1,000,000. */
  readonly maxFiles?: number | undefined;
  /** Bytes that the folder may hold in all, files that are there already included. Default: no limit but the disk. */
  readonly quota?: number | undefined;
  /** Connections at the same time; one more is told to try again. Default 1024. */
  readonly maxConnections?: number | undefined;
  /** Whether to take classic senders. Default true. */
  readonly classic?: boolean | undefined;
  /** Take senders without encryption only, for trusted networks. Default: encrypted ones, and classic. */
  readonly plain?: boolean | undefined;
  /** Which senders get in. Default `open`, anyone. The other values take neither plain nor classic senders. */
  readonly access?: Access | undefined;
  /** With the access `pair`: called with the code for one new sender. No event contains the code. */
  readonly onCode?: ((code: string) => void) | undefined;
  /** Milliseconds for which the code is valid. Default 10 minutes. */
  readonly codeMs?: number | undefined;
  /** Folder with the own identity and the known peers. Default: FTX_HOME, or `ftx` in the XDG data folder. */
  readonly home?: string | undefined;
  /** Whether an entry is called stored only after it is written through to the disk. Default true. */
  readonly sync?: boolean | undefined;
  /** Whether the receive folder remembers who brought what, so that it need not be compared again. Default true. */
  readonly ledger?: boolean | undefined;
  /** Permission bits of all new files, such as 0o664. Default: those that the sender tells. */
  readonly fileMode?: number | undefined;
  /** Permission bits of all new folders, such as 0o775. Default: those that the sender tells. */
  readonly dirMode?: number | undefined;
  /** Close after the first session in which something was offered. */
  readonly once?: boolean | undefined;
  /** Milliseconds after which the part of a broken transfer is removed, if no sender has resumed it. Default 7 days. */
  readonly keepPartsMs?: number | undefined;
  /** Milliseconds a connection may stand still. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Closes at once, dropping what is running. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: EventListener | undefined;
}

/** ReceiveOptions with every default filled in. */
export type MailboxOptions = Complete<
  ReceiveOptions,
  'host' | 'quota' | 'home' | 'signal' | 'onCode' | 'fileMode' | 'dirMode'
>;

/** Fills in the defaults. Throws FtxError `usage` for options that do not go together. */
export function withDefaults(options: ReceiveOptions): MailboxOptions {
  const { plain = false, access = 'open' } = options;
  if (plain && access !== 'open')
    throw new FtxError(
      'usage',
      'Without encryption nobody can tell who sends: a receiver that is not open does not go with plain.',
    );
  const { dir, host, quota, home, signal, onCode, fileMode, dirMode } = options;
  return {
    ...{ dir, host, quota, home, signal, onCode, plain, access, fileMode, dirMode },
    port: options.port ?? DEFAULT_PORT,
    onConflict: options.onConflict ?? DEFAULT_ON_CONFLICT,
    maxSize: options.maxSize ?? DEFAULT_MAX_SIZE,
    maxFiles: options.maxFiles ?? DEFAULT_MAX_FILES,
    maxConnections: options.maxConnections ?? DEFAULT_MAX_CONNECTIONS,
    classic: options.classic ?? true,
    codeMs: options.codeMs ?? DEFAULT_CODE_MS,
    sync: options.sync ?? true,
    ledger: options.ledger ?? true,
    once: options.once ?? false,
    keepPartsMs: options.keepPartsMs ?? DEFAULT_KEEP_PARTS_MS,
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    onEvent: options.onEvent ?? (() => undefined),
  };
}
