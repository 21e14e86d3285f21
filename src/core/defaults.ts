/** What options are when they are not given, in the library and on the command line. */
export const DEFAULT_PORT = 6000;
/** Bytes. */
export const DEFAULT_MAX_SIZE = 10 * 1024 ** 3;
/** Files, links and folders of one session. */
export const DEFAULT_MAX_FILES = 1_000_000;
export const DEFAULT_MAX_CONNECTIONS = 1024;
export const DEFAULT_KEEP_PARTS_MS = 7 * 24 * 60 * 60 * 1000;
export const DEFAULT_RETRIES = 5;
/** A connection may stand still for this long. */
export const DEFAULT_TIMEOUT_MS = 60_000;
/** A code for pairing is good for this long. */
export const DEFAULT_CODE_MS = 10 * 60 * 1000;
