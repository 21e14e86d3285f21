/**
 * From an address to a receiver that is ready for offers: dial, TLS, trust,
 * greeting, introduction.
 *
 * Trust is judged twice. Right after the TLS handshake, the receiver's key is
 * compared with the key that is known at this address, and another key ends
 * the connection before a word of ftx is said. After the greeting the two are
 * introduced: a receiver that does not know this sender asks for a code in its
 * hello, and then both prove to each other that they know the same code.
 *
 * A code that is wanted but not known goes a longer way, because nobody waits
 * on an open connection while a person looks at another screen. The
 * introduction fails with `unpaired`, which closes the connection. connect()
 * then asks for the code, dials again, and introduces itself with the code. The code is
 * kept in the CodeDesk, which outlives the connection: an attempt that follows
 * a lost connection does not ask for it again.
 */
import { abortReason } from '../core/errors.js';
import type { Address } from '../core/address.js';
import type { Fingerprint } from '../core/fingerprint.js';
import { dial } from '../net/dial.js';
import type { TcpConnection } from '../net/tcp.js';
import type { Timeouts } from '../protocol/constants.js';
import { within } from '../protocol/watch.js';
import { greetReceiver, withLastWord, type Greeted } from '../session/send/greet.js';
import type { SessionEvent } from '../session/tally.js';
import type { CodeDesk } from './code-desk.js';
import type { Meeting } from './trust.js';

export interface ConnectOptions {
  /** The way to the receiver. */
  readonly route: Route;
  /** Connect without TLS, and without knowing who receives. */
  readonly plain: boolean;
  /** The only identity to accept, `sha256:` and 64 hex digits, whatever is remembered. */
  readonly peer?: string | undefined;
  /** Folder with the own identity and the known peers; undefined for the usual one. */
  readonly home?: string | undefined;
  /** Where the receiver's code comes from. */
  readonly desk: CodeDesk;
  readonly timeouts: Timeouts;
  /** The id of the transfer, 32 hex digits, the same in all attempts. */
  readonly transfer: string | undefined;
  /** Ends whatever is being waited for. */
  readonly signal: AbortSignal;
  /** Gets the events `paired` and `peer`. */
  readonly emit: (event: SessionEvent) => void;
}

/** An open channel to a receiver to which nothing was offered yet. */
export interface Link extends Greeted {
  /** The receiver's key; undefined without encryption. */
  readonly identity: Fingerprint | undefined;
}

/** Milliseconds that the look-up of the name may take, and the TCP connection after it. */
const DIAL_MS = 10_000;

/** The way to one receiver, for all attempts at one send. */
export interface Route {
  /** Connects to the port. Throws FtxError `unknown-host`, `no-connection`, or the reason of the signal. */
  dial(signal: AbortSignal): Promise<TcpConnection>;
}

/** The route remembers the address that has answered, in case the name cannot be looked up the next time. */
export function openRoute(to: Address): Route {
  let fallback: string | undefined;
  return {
    async dial(signal) {
      const connection = await dial({ ...to, timeoutMs: DIAL_MS, fallback, signal });
      fallback = connection.address.host;
      return connection;
    },
  };
}

/**
 * Connects to the receiver at `to`, and introduces both sides to each other.
 * Throws FtxError as Route.dial does, `usage` for a malformed `peer`, `home`,
 * `identity` if another receiver answers than the known one, `unpaired` if
 * there is no code or a wrong one, `protocol`, `lost`, `timeout`, or what the
 * receiver gives as its reason, such as `busy`. Nothing stays open then.
 */
export function connect(to: Address, options: ConnectOptions): Promise<Link> {
  return options.desk.withCode(() => connectOnce(to, options));
}

async function connectOnce(to: Address, options: ConnectOptions): Promise<Link> {
  const { route, signal } = options;
  if (options.plain) return { ...(await greetReceiver(await route.dial(signal), options)), identity: undefined };
  // Loaded when needed: a plain transfer loads no TLS.
  const { prepareTrust } = await import('./trust.js');
  const trust = await prepareTrust({ to, ...options });
  const connection = await route.dial(signal);
  const { identity, introduce } = await secure(connection, options, trust.secure(connection));
  const { channel, hello } = await greetReceiver(connection, options);
  await withLastWord(channel, signal, () => introduce(channel, hello));
  return { channel, hello, identity };
}

/** Waits for the TLS handshake, within its time and until the signal. */
async function secure(
  connection: TcpConnection,
  { timeouts, signal }: ConnectOptions,
  handshake: Promise<Meeting>,
): Promise<Meeting> {
  const abort = () => connection.destroy(abortReason(signal));
  signal.addEventListener('abort', abort);
  try {
    return await within(timeouts.greetingMs, connection, 'finish the TLS handshake', handshake);
  } finally {
    signal.removeEventListener('abort', abort);
  }
}
