/**
 * `ftx send` as a function: from paths to a result.
 *
 * checkInputs() finds what is wrong before anybody is called: options that do
 * not fit together, and paths that are missing. Then each attempt goes the same
 * way. connect.ts dials, judges the receiver's key, greets and pairs; its result
 * is a receiver that is ready for offers. There the session begins
 * (session/send/sender.ts).
 *
 * The session walks the paths twice. The first walk makes the list, so that the
 * receiver can refuse entries, and a lack of space, before the first byte, and
 * so that the total is known. The second walk offers and sends. A single entry,
 * and an older receiver that checks no list, need one walk only. Three loops
 * share the sending: one offers, one reads answers, one sends contents. A
 * classic receiver gets its one file without a list (session/classic/send.ts).
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
import { basename, resolve } from 'node:path';
import type { Readable } from 'node:stream';
import { DEFAULT_RETRIES, DEFAULT_TIMEOUT_MS } from '../core/defaults.js';
import { FtxError } from '../core/errors.js';
import { openCodeDesk, type CodeDesk } from './code-desk.js';
import type { EventListener, Totals } from '../core/events.js';
import type { Source } from '../core/source.js';
import { timeoutsFor } from '../protocol/constants.js';
import { connect, dialReceiver } from './connect.js';
import { sendClassic } from '../session/classic/send.js';
import { createJourney, type Journey } from './journey.js';
import { withRetries, type RetryOptions } from './retry.js';
import { sendSession } from '../session/send/sender.js';
import { createTally, finishTally, type SessionEvent, type SessionResult, type Tally } from '../session/tally.js';
import { inspectInput } from '../storage/source/input.js';
import { findStateDir } from '../home/state-dir.js';
import { streamSource } from '../storage/source/stream-source.js';
import { readSources } from '../storage/source/tree.js';

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
  /** Where digests of large files are kept until they are stored. Default: the user's state folder. */
  readonly stateDir?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  readonly onEvent?: EventListener | undefined;
}

/** Counts and bytes of all entries, by how they ended. */
export type SendResult = SessionResult;

/** All events of one send carry the same number. */
const SESSION = 1;
/** The path that stands for standard input. */
export const STANDARD_INPUT = '-';

/**
 * Sends everything and resolves when each entry is at its end: stored, refused
 * or failed. Throws FtxError when an input is missing (`not-found`,
 * `unreadable`, `unsupported`), the options do not fit together (`usage`), or
 * the session as a whole fails.
 */
export async function send(given: SendOptions): Promise<SendResult> {
  const options = withDefaults(given);
  await checkInputs(options);
  const journey = createJourney();
  let total: Totals | null = null;
  const tally = createTally(SESSION, (event) => {
    journey.note(event);
    options.onEvent(event.type === 'progress' ? { ...event, total } : event);
  });
  try {
    // A later attempt counts less, because it leaves out what is at its end. The total of the first attempt stays.
    await sendAll(options, tally, journey, (counted) => (total ??= counted));
    return finishTally(tally);
  } finally {
    options.input?.destroy();
  }
}

/** Options that have no default: their absence means something by itself. */
type WithoutDefault = 'name' | 'peer' | 'askCode' | 'home' | 'input';

/** SendOptions with every default filled in. */
type CompleteOptions = {
  readonly [Key in keyof SendOptions]-?: Key extends WithoutDefault
    ? SendOptions[Key]
    : Exclude<SendOptions[Key], undefined>;
};

function withDefaults(options: SendOptions): CompleteOptions {
  const { paths, to, name, peer, askCode, home, input } = options;
  return {
    ...{ paths, to, name, peer, askCode, home, input },
    classic: options.classic ?? false,
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

async function sendAll(
  options: CompleteOptions,
  tally: Tally,
  journey: Journey,
  onCounted: (totals: Totals) => void,
): Promise<void> {
  const { to, classic, plain, peer, home, timeoutMs, dryRun, signal } = options;
  const timeouts = timeoutsFor(timeoutMs);
  if (classic) {
    for await (const source of readAll(options, tally, new Set()))
      await sendClassic(await dialReceiver(to, signal), source, { tally, timeouts, signal });
    return;
  }
  const desk = openDesk(options, tally);
  const emit = (event: SessionEvent) => tally.emit(event);
  const attempt = async () => {
    const ended = journey.ended();
    // Each walk reads `ended` anew, so that the second walk does not report a path that the first walk has reported.
    const sources = () => leaveOut(readAll(options, tally, journey.ended()), ended);
    const link = await connect(to, { plain, peer, home, desk, timeouts, signal, emit });
    await sendSession(link, sources, { tally, timeouts, signal, dryRun, onCounted });
  };
  const retries = canRetry(options) ? options.retries : 0;
  await withRetries({ ...journey, retries, signal, onRetry: reportRetry(tally, retries) }, attempt);
}

function openDesk({ pair, askCode }: CompleteOptions, tally: Tally): CodeDesk {
  return openCodeDesk(pair, async () => {
    const code = await askCode?.();
    // The time that a person takes to find the code does not count as time of the transfer.
    tally.restart();
    return code;
  });
}

/**
 * No retry for a stream, which cannot be read twice; for a dry run, which would
 * report twice; and for paths that share a name, because a journey could not
 * tell which of them is at its end.
 */
function canRetry({ paths, input, dryRun }: CompleteOptions): boolean {
  return !input && !dryRun && new Set(paths.map((path) => basename(resolve(path)))).size === paths.length;
}

function reportRetry(tally: Tally, retries: number): RetryOptions['onRetry'] {
  return ({ code, message }, attempt, delayMs) =>
    tally.emit({ type: 'retrying', code, message, attempt, retries, delaySeconds: delayMs / 1000 });
}

/** The sources without the entries that an earlier attempt has brought to their end. */
async function* leaveOut(sources: AsyncIterable<Source>, ended: ReadonlySet<string>): AsyncGenerator<Source> {
  for await (const source of sources) if (!ended.has(source.entry.path)) yield source;
}

/** Throws FtxError for what is wrong with the options or the paths, before a receiver is called. */
async function checkInputs(options: CompleteOptions): Promise<void> {
  const { paths, name, input, classic, plain, peer, pair, dryRun } = options;
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
  checkName(paths, name);
  if (paths.includes(STANDARD_INPUT)) {
    if (!input) throw new FtxError('usage', 'The path - stands for an input, and none was given.');
    if (classic)
      throw new FtxError('usage', 'A classic receiver needs the size first: send a file, not standard input.');
    return;
  }
  for (const path of paths) {
    const { stats } = await inspectInput(path, name);
    if (classic && !stats.isFile())
      throw new FtxError('usage', `${path}: is a folder, and classic carries one file. Send its files one by one.`);
  }
}

/** Throws FtxError `usage` unless a name goes with the paths. */
export function checkName(paths: readonly string[], name: string | undefined): void {
  if (name !== undefined && paths.length !== 1)
    throw new FtxError(
      'usage',
      'A name (--name) is for a single path: send the paths one by one to give each its own.',
    );
  if (name === undefined && paths.includes(STANDARD_INPUT))
    throw new FtxError('usage', 'Standard input (-) has no name of its own: give it one with --name.');
}

function readAll({ paths, name, input, signal, stateDir }: CompleteOptions, tally: Tally, ended: ReadonlySet<string>) {
  if (input && name !== undefined && paths.includes(STANDARD_INPUT)) return only(streamSource(input, name));
  return readSources(paths, {
    name,
    signal,
    stateDir,
    onProblem: (path, { code, message }) => {
      if (!ended.has(path)) tally.emit({ type: 'failed', path, code, message });
    },
  });
}

async function* only(source: Source): AsyncGenerator<Source> {
  yield await Promise.resolve(source);
}

/** The code in a file that a user has named. Throws FtxError `unreadable`. */
export async function readCodeFile(path: string): Promise<string> {
  const file = await import('../storage/source/code-file.js');
  return file.readCodeFile(path);
}
