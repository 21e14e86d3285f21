/** The steps of files that are stored together, from memory to their names. */
import { errnoOf, type FtxError } from '../../core/errors.js';
import type { WholeFile } from '../../core/sink.js';
import { createTurns } from '../../core/turns.js';
import { diskError } from '../disk/disk-error.js';
import type { Durability } from '../disk/durability.js';
import type { FileThread } from '../disk/file-thread.js';
import type { LeftStats, NamedIn, PartIn } from '../disk/file-work.js';
import { makePartName } from '../names/part-name.js';
import type { EntryPath } from '../names/safe-path.js';
import type { EntryRoom } from './entry-room.js';
import type { HeldPlace } from './place.js';

/** A file whose name seems to be free. */
export interface PlainFile {
  /** Its number among the files of the caller. */
  readonly number: number;
  readonly file: WholeFile;
  readonly path: EntryPath;
  /** The place of all files in its folder. */
  readonly place: HeldPlace;
  readonly mode: number;
}

export interface BatchOptions {
  readonly thread: FileThread;
  readonly durability: Durability;
  readonly room: EntryRoom;
  /** Makes the names in the folder of a place durable, and the way to it. Throws what the system throws. */
  readonly makeDurable: (place: HeldPlace) => Promise<void>;
}

/** Told what becomes of files. Of those that nobody is told of nothing is left, and the caller may try them by themselves. */
export interface BatchListener {
  /** `stats`: how the file was left; undefined if somebody took it away at once. */
  onStored(file: PlainFile, stats: LeftStats | undefined): void;
  /** The names in its folder cannot be made durable. That is not tried twice: a second sync may succeed although the first has lost something. */
  readonly onFailed: (file: PlainFile, error: FtxError) => void;
  /** The disk has no hard links, so that nothing can be stored together there. */
  readonly onUnable: () => void;
}

/** A file between two steps. `at` is what the thread has to know of it. */
interface Step<At> {
  readonly plain: PlainFile;
  readonly at: At;
}

/** Stores files, all on one disk, and tells of those that are stored. Of all others nothing is left. Never fails. */
export async function storeBatch(
  options: BatchOptions,
  files: readonly PlainFile[],
  listener: BatchListener,
): Promise<void> {
  const [first] = files;
  if (!first) return;
  const batch = createBatch(options, files);
  const measure = ({ file }: PlainFile) => file.content.length;
  try {
    await options.room.addFiles(first.place.ground, first.path.text, files.map(measure), async () => {
      const stored = await takeSteps(options, batch, listener);
      for (const { plain, stats } of stored) listener.onStored(plain, stats);
      return stored.map(({ plain }) => measure(plain));
    });
  } catch {
    // There is no room for all of them. The caller finds out for which there is.
  }
}

/** What the system says where a folder is no longer where it was. */
const MOVED = ['ENOENT', 'ENOTDIR', 'ELOOP'];

/** Process-wide: folders that are made durable, as many at the same time as Node has threads for. */
const syncing = createTurns(4);

type Batch = ReturnType<typeof createBatch>;

async function takeSteps({ durability, makeDurable }: BatchOptions, batch: Batch, listener: BatchListener) {
  const written = await batch.write();
  const fds = written.map(({ at }) => at.fd);
  const isDurable = await succeeds(() => durability.files(fds, written[0]?.plain.place.member));
  const [unmoved, moved] = split(written, ({ plain }) => isDurable && isUnmoved(plain.place));
  if (moved.length > 0) await batch.drop(moved);
  const named = await batch.name(unmoved, listener.onUnable);
  // A folder that a name is in may be synchronised by others at the same time, too.
  const places = [...new Set(named.map(({ plain }) => plain.place))];
  const failures = new Map<HeldPlace, unknown>();
  const keep = (place: HeldPlace) => makeDurable(place).catch((error: unknown) => failures.set(place, error));
  await Promise.all(places.map((place) => syncing.run('', () => keep(place))));
  const [lost, stored] = split(named, ({ plain }) => failures.has(plain.place));
  if (lost.length > 0) await batch.takeBack(lost);
  for (const { plain } of lost) {
    const error = failures.get(plain.place);
    if (!MOVED.includes(errnoOf(error) ?? '')) listener.onFailed(plain, diskError(error, plain.path.text));
  }
  return batch.announce(stored);
}

function isUnmoved(place: HeldPlace): boolean {
  try {
    place.assertUnmoved();
    return true;
  } catch {
    return false;
  }
}

async function succeeds(work: () => Promise<void>): Promise<boolean> {
  return work().then(
    () => true,
    () => false,
  );
}

function split<T>(all: readonly T[], isFirst: (one: T) => boolean): [T[], T[]] {
  const [first, second]: [T[], T[]] = [[], []];
  for (const one of all) (isFirst(one) ? first : second).push(one);
  return [first, second];
}

/** The works of the thread, for the files of one batch. */
function createBatch({ thread }: BatchOptions, files: readonly PlainFile[]) {
  const places = [...new Set(files.map(({ place }) => place))];
  const folders = places.map(({ folder }) => folder);
  const numbers = new Map(places.map((place, number) => [place, number]));
  const locate = ({ place, path }: PlainFile) => ({ folder: numbers.get(place) ?? 0, name: path.name });
  const orderOf = <At>(steps: readonly Step<At>[]) => ({ folders, files: steps.map(({ at }) => at) });

  /** The steps of which the thread has an answer, each with `at` and the answer. */
  function pair<At, Answer, Next>(
    steps: readonly Step<At>[],
    answers: readonly (Answer | undefined)[],
    join: (at: At, answer: Answer) => Next,
  ): Step<Next>[] {
    const next: Step<Next>[] = [];
    for (const [number, { plain, at }] of steps.entries()) {
      const answer = answers[number];
      if (answer !== undefined) next.push({ plain, at: join(at, answer) });
    }
    return next;
  }

  return {
    async write(): Promise<Step<PartIn>[]> {
      const { content, ranges, release } = joinContents(files);
      const steps = files.map((plain, number) => {
        const { mode, file } = plain;
        const at = {
          ...locate(plain),
          part: makePartName(),
          mode,
          mtimeNs: file.offer.mtimeNs,
          ...(ranges[number] ?? { begin: 0, end: 0 }),
        };
        return { plain, at };
      });
      const fds = await thread.run('write', { ...orderOf(steps), content });
      release();
      return pair(steps, fds, ({ folder, name, part }, fd) => ({ folder, name, part, fd }));
    },
    async name(steps: readonly Step<PartIn>[], onUnable: () => void): Promise<Step<NamedIn>[]> {
      const answers = await thread.run('name', orderOf(steps));
      if (answers.includes('unable')) onUnable();
      const owns = answers.map((answer) => (answer === 'unable' ? undefined : answer));
      return pair(steps, owns, ({ folder, name }, own) => ({ folder, name, ...own }));
    },
    async announce(steps: readonly Step<NamedIn>[]) {
      const stats = await thread.run('announce', orderOf(steps));
      return steps.map(({ plain }, number) => ({ plain, stats: stats[number] }));
    },
    drop: (steps: readonly Step<PartIn>[]) => thread.run('drop', orderOf(steps)),
    takeBack: (steps: readonly Step<NamedIn>[]) => thread.run('takeBack', orderOf(steps)),
  };
}

/** Memory of batches that are over. The next ones use it again, because the system has to clear new memory first. */
const spare: Uint8Array<SharedArrayBuffer>[] = [];
const MAX_SPARE = 4;
const MEMORY_BYTES = 1024 * 1024;

/** All contents in memory that the thread shares, and where each begins and ends. Call `release` when they are written. */
function joinContents(files: readonly PlainFile[]) {
  const bytes = files.reduce((sum, { file }) => sum + file.content.length, 0);
  const usual = bytes <= MEMORY_BYTES ? spare.pop() : undefined;
  const content = usual ?? new Uint8Array(new SharedArrayBuffer(Math.max(bytes, MEMORY_BYTES)));
  let end = 0;
  const ranges = files.map(({ file }) => {
    const begin = end;
    content.set(file.content, begin);
    end += file.content.length;
    return { begin, end };
  });
  const release = () => {
    if (content.length === MEMORY_BYTES && spare.length < MAX_SPARE) spare.push(content);
  };
  return { content, ranges, release };
}
