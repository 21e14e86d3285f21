/** How a mailbox is set up. */
import type { Access, EventListener } from '../core/events.js';
import type { ConflictPolicy } from '../storage/inbox/file-sink.js';

export interface ReceiveOptions {
  /** Where files go; made if it is missing. */
  readonly dir: string;
  /** Default 6000; 0 takes a free one. */
  readonly port?: number | undefined;
  /** One address of this machine; all of them when absent. */
  readonly host?: string | undefined;
  /** What happens to a file whose name is taken. Default `rename`. */
  readonly onConflict?: ConflictPolicy | undefined;
  /** Bytes of the largest file to take. Default 10 GiB. */
  readonly maxSize?: number | undefined;
  /** Files, links and folders that one session may bring. Default 1,000,000. */
  readonly maxFiles?: number | undefined;
  /** Bytes that the folder may hold in all, with what is there already. Default: as much as the disk. */
  readonly quota?: number | undefined;
  /** Connections at the same time; one more is told to try again. Default 1024. */
  readonly maxConnections?: number | undefined;
  /** Whether to take classic senders. Default true. */
  readonly classic?: boolean | undefined;
  /** Take senders without encryption only, for trusted networks. Default: encrypted ones, and classic. */
  readonly plain?: boolean | undefined;
  /** Who gets in. Default `open`; the others take neither plain nor classic senders. */
  readonly access?: Access | undefined;
  /** With the access `pair`: hears the code for one new sender, which stands in no event. */
  readonly onCode?: ((code: string) => void) | undefined;
  /** Milliseconds the code is good for. Default 10 minutes. */
  readonly codeMs?: number | undefined;
  /** Folder with the own identity and the known peers. Default: FTX_HOME, or `ftx` in the XDG data folder. */
  readonly home?: string | undefined;
  /** Whether to wait, before anything is called stored, until the disk has it. Default true. */
  readonly sync?: boolean | undefined;
  /** Close after the first session in which something was offered. */
  readonly once?: boolean | undefined;
  /** Milliseconds after which a broken transfer that nobody has gone on with is removed. Default 7 days. */
  readonly keepPartsMs?: number | undefined;
  /** Milliseconds a connection may stand still. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Closes at once, dropping what is running. */
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: EventListener | undefined;
}
