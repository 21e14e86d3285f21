/**
 * `ftx send` as a function: from paths to a result.
 *
 * Before anybody is called, assertOptionsFit() finds options that contradict each
 * other, and inputs.ts finds paths that are missing. Then each attempt goes the same
 * way. connect.ts dials, judges the receiver's key, greets and pairs; its result
 * is a receiver that is ready for offers. There the session begins
 * (session/send/sender.ts).
 *
 * The session walks the paths twice. The first walk makes the list, so that the
 * receiver can refuse entries, and a lack of space, before the first byte, and
 * so that the total is known. The second walk offers and sends. A single entry,
 * and an older receiver that checks no list, need one walk only. Every walk
 * looks at the paths again, because it must see what has changed. Three loops
 * share the sending: one offers, one reads answers, one sends contents. A classic
 * receiver gets its one file without a list (session/classic/send.ts).
 *
 * The tally turns what happens into events and counts them. journey.ts listens,
 * and keeps over all attempts which entries are at their end: a retry leaves
 * them out. The bytes of a file that broke off are kept by the receiver, which
 * says in its answer to the new offer how far it is. retry.ts waits between
 * attempts, and counts them anew after progress.
 *
 * core/errors.ts judges each error code: refusal or failure, retried or not. A
 * failure of one entry is an event and a count in the result. A failure of the
 * whole session is retried, and thrown at the end. cli/exit-codes.ts makes an
 * exit status of either.
 */
import { randomBytes } from 'node:crypto';
import type { Readable } from 'node:stream';
import { DEFAULT_RETRIES, DEFAULT_TIMEOUT_MS, type Complete } from '../core/defaults.js';
import { createSha256 } from './sha256.js';
import { FtxError } from '../core/errors.js';
import { openCodeDesk, type CodeDesk } from './code-desk.js';
import type { EventListener, Totals } from '../core/events.js';
import type { Entry } from '../core/entry.js';
import { timeoutsFor, type Timeouts } from '../protocol/constants.js';
import { connect, openRoute } from './connect.js';
import { openInputs, type Inputs } from './inputs.js';
import { sendClassic } from '../session/classic/send.js';
import { createJourney, type Journey } from './journey.js';
import { withRetries, type RetryOptions } from './retry.js';
import { sendSession } from '../session/send/sender.js';
import { createTally, finishTally, type SessionEvent, type SessionResult, type Tally } from '../session/tally.js';
import { findStateDir } from '../home/state-dir.js';
import { createNameList } from '../storage/source/name-file.js';

export interface SendOptions {
  /** Files and folders; `-` alone is `input`. */
  readonly paths: readonly string[];
  readonly to: { readonly host: string; readonly port: number };
  /** What the one path is called at the receiver; `input` needs it. */
  readonly name?: string | undefined;
  /** Speak to a classic receiver: one regular file. */
  readonly classic?: boolean | undefined;
  /** Send without encryption, and without knowing who receives. For trusted networks; the receiver has to be plain too. */
  readonly plain?: boolean | undefined;
  /** The only identity to send to, `sha256:` and 64 hex digits. Default: the identity that is known at the address, or else the first that answers there. */
  readonly peer?: string | undefined;
  /** Whether every receiver has to prove that it knows the code, unless it has done so before. Default: only a receiver that asks for the code. */
  readonly pair?: boolean | undefined;
  /** Asks a person or a file for the code that the receiver shows, when the receiver asks for it; undefined if there is none. */
  readonly askCode?: (() => Promise<string | undefined>) | undefined;
  /** Folder with the own identity and the known peers. Default: FTX_HOME, or `ftx` in the XDG data folder. */
  readonly home?: string | undefined;
  /** Milliseconds a connection may stand still. Default 60,000. */
  readonly timeoutMs?: number | undefined;
  /** Send nothing. The receiver tells what would become of each entry: `planned` and `refused` events. */
  readonly dryRun?: boolean | undefined;
  /** How often in a row to try again when the connection is lost. Default 5; 0 for never. */
  readonly retries?: number | undefined;
  /** The content of the path `-`. */
  readonly input?: Readable | undefined;
  /** Send `input` also when it ends without content. Default: it fails as `unreadable`. */
  readonly allowEmpty?: boolean | undefined;
  /** Where digests of large files are kept until they are stored. Default: the user's state folder. */
  readonly stateDir?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: EventListener | undefined;
}

/** Counts and bytes of all entries, by how they ended. */
export type SendResult = SessionResult;

/** All events of one send carry the same number. */
const SESSION = 1;
const TRANSFER_BYTES = 16;

/**
 * Sends everything and resolves when each entry is at its end: stored, refused
 * or failed. Throws FtxError when an input is missing (`not-found`,
 * `unreadable`, `unsupported`), the options do not fit together (`usage`), or
 * the session as a whole fails.
 */
export async function send(given: SendOptions): Promise<SendResult> {
  const options = withDefaults(given);
  assertOptionsFit(options);
  const inputs = await openInputs({ ...options, pinKey: await findPinKey(options) });
  const journey = createJourney();
  let total: Totals | null = null;
  const tally = createTally(SESSION, (event) => {
    journey.note(event);
    options.onEvent(event.type === 'progress' ? { ...event, total } : event);
  });
  const work = { inputs, journey, tally, timeouts: timeoutsFor(options.timeoutMs) };
  try {
    if (options.classic) await sendToClassic(options, work);
    // A later attempt counts less, because it leaves out what is at its end. The total of the first attempt stays.
    else await sendAll(options, work, (counted) => (total ??= counted));
    return finishTally(tally);
  } finally {
    options.input?.destroy();
  }
}

/** The key of the pins. Without encryption the receiver cannot tell whose pins they are. Without a key, files are compared. */
async function findPinKey({ plain, classic, home }: CompleteOptions): Promise<Buffer | undefined> {
  if (plain || classic) return undefined;
  const [{ loadPinKey }, { findHome }] = await Promise.all([
    import('../home/pin-key.js'),
    import('../home/state-dir.js'),
  ]);
  return Promise.resolve(home)
    .then(findHome)
    .then(loadPinKey)
    .catch(() => undefined);
}

type CompleteOptions = Complete<SendOptions, 'name' | 'peer' | 'askCode' | 'home' | 'input' | 'stateDir'>;

function withDefaults(options: SendOptions): CompleteOptions {
  const { paths, to, name, peer, askCode, home, input } = options;
  return {
    ...{ paths, to, name, peer, askCode, home, input },
    classic: options.classic ?? false,
    allowEmpty: options.allowEmpty ?? false,
    plain: options.plain ?? false,
    pair: options.pair ?? false,
    timeoutMs: options.timeoutMs ?? DEFAULT_TIMEOUT_MS,
    dryRun: options.dryRun ?? false,
    retries: options.retries ?? DEFAULT_RETRIES,
    stateDir: options.stateDir ?? findStateDir(),
    signal: options.signal ?? new AbortController().signal,
    onEvent: options.onEvent ?? (() => undefined),
  };
}

/** What all attempts at one send share. */
interface Work {
  readonly inputs: Inputs;
  readonly journey: Journey;
  readonly tally: Tally;
  readonly timeouts: Timeouts;
}

async function sendToClassic({ to, signal }: CompleteOptions, { inputs, tally, timeouts }: Work): Promise<void> {
  for await (const source of inputs.walk(undefined))
    await sendClassic(await openRoute(to).dial(signal), source, { tally, timeouts, signal });
}

/** How long the event loop has worked: what the processor of this program is used for. */
const busyMs = () => performance.eventLoopUtilization().active;

async function sendAll(options: CompleteOptions, work: Work, onCounted: (totals: Totals) => void): Promise<void> {
  const { to, plain, peer, home, dryRun, signal } = options;
  const { inputs, journey, tally, timeouts } = work;
  const desk = openDesk(options, work);
  const route = openRoute(to);
  // Of two entries with one path, a receiver would take the second for the first that comes again.
  const transfer = hasDistinctNames(inputs) ? randomBytes(TRANSFER_BYTES).toString('hex') : undefined;
  const emit = (event: SessionEvent) => tally.emit(event);
  const attempt = async () => {
    const ended = journey.ended();
    const isWanted = ({ path }: Entry) => !ended(path);
    const { hasEnded } = journey;
    const sources = () => inputs.walk(createProblemReport(work));
    const link = await connect(to, { route, plain, peer, home, desk, timeouts, transfer, signal, emit });
    const keepNames = () => createNameList(options.stateDir);
    const known = { isWanted, hasEnded, keepNames, onCounted };
    await sendSession(link, sources, { tally, timeouts, createSha256, busyMs, signal, dryRun, ...known });
  };
  const retries = canRetry(options, inputs) ? options.retries : 0;
  await withRetries({ ...journey, retries, signal, onRetry: createRetryReport(work, retries) }, attempt);
}

/** Reports an entry that cannot be read. Made anew for each walk, so that a later walk does not report what an earlier one has. */
function createProblemReport({ journey, tally }: Work) {
  const ended = journey.ended();
  return (path: string, { code, message }: FtxError) => {
    if (!ended(path)) tally.emit({ type: 'failed', path, code, message });
  };
}

function openDesk({ pair, askCode }: CompleteOptions, { tally }: Work): CodeDesk {
  return openCodeDesk(pair, async () => {
    const code = await askCode?.();
    // The time that a person takes to find the code is no time of the transfer.
    tally.restart();
    return code;
  });
}

/**
 * No retry for a stream, which cannot be read twice; for a dry run, which would
 * report twice; and for paths that share a name, because a journey could not
 * tell which of them is at its end.
 */
function canRetry({ input, dryRun }: CompleteOptions, inputs: Inputs): boolean {
  return !input && !dryRun && hasDistinctNames(inputs);
}

function hasDistinctNames({ names }: Inputs): boolean {
  return new Set(names).size === names.length;
}

function createRetryReport({ tally }: Work, retries: number): RetryOptions['onRetry'] {
  return ({ code, message }, attempt, delayMs) =>
    tally.emit({ type: 'retrying', code, message, attempt, retries, delaySeconds: delayMs / 1000 });
}

/** Throws FtxError `usage` for options that contradict each other. */
function assertOptionsFit({ paths, classic, plain, peer, pair, dryRun }: CompleteOptions): void {
  if (classic && dryRun)
    throw new FtxError('usage', 'A classic receiver cannot tell what would happen: a dry run goes with ftx only.');
  if (peer !== undefined && (classic || plain))
    throw new FtxError(
      'usage',
      'Without encryption nobody can tell who receives: a peer goes with neither plain nor classic.',
    );
  if (pair && (classic || plain))
    throw new FtxError('usage', 'Without encryption nobody can pair: pairing goes with neither plain nor classic.');
  if (classic && paths.length !== 1)
    throw new FtxError('usage', 'Classic carries one file and no name: send the files one by one.');
}

/** The code in a file that a user has named. Throws FtxError `unreadable`. */
export async function readCodeFile(path: string): Promise<string> {
  const file = await import('../storage/source/code-file.js');
  return file.readCodeFile(path);
}
