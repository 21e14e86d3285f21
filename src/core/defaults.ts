/** The defaults of options, the same in the library and on the command line. */

/** The options with every default filled in. The absence of those in `WithoutDefault` means something by itself. */
export type Complete<Options, WithoutDefault extends keyof Options> = {
  readonly [Key in keyof Options]-?: Key extends WithoutDefault ? Options[Key] : Exclude<Options[Key], undefined>;
};

export const DEFAULT_PORT = 6000;
/** What happens to an entry whose name is taken. */
export const DEFAULT_ON_CONFLICT = 'rename';
/** Bytes of the largest file that a receiver takes. */
export const DEFAULT_MAX_SIZE = 10 * 1024 ** 3;
/** Files, links and folders that one session may bring. */
export const DEFAULT_MAX_FILES = 1_000_000;
/** Connections that a receiver serves at the same time. */
export const DEFAULT_MAX_CONNECTIONS = 1024;
/** How long a receiver keeps what has arrived of a transfer that broke off. */
export const DEFAULT_KEEP_PARTS_MS = 7 * 24 * 60 * 60 * 1000;
/** Attempts in a row without progress. */
export const DEFAULT_RETRIES = 5;
/** How long a connection may stand still. */
export const DEFAULT_TIMEOUT_MS = 60_000;
/** How long a code for pairing is good. */
export const DEFAULT_CODE_MS = 10 * 60 * 1000;
