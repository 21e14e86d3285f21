/** What has arrived so far, by kind of entry, counted from events. */
import type { EntryKind } from '../../core/entry.js';
import type { Summary, TransferEvent } from '../../core/events.js';
import { describeKinds } from './format.js';

export interface Arrived {
  /** Counts the event. Returns the kind of the entry that the event is about. */
  apply(event: TransferEvent): EntryKind;
  /** Entries that have arrived, with those that were there already. */
  readonly arrived: number;
  /** Those that were there already. */
  readonly already: number;
  /** Bytes of the others. */
  readonly newBytes: number;
  summary(seconds: number): Summary;
  /** `2 files, 1 folder`, or `nothing`. */
  describe(): string;
  /** As describe(), without what was there already. */
  describeNew(): string;
}

export function createArrived(): Arrived {
  const open = createOpenKinds();
  const fresh: Counts = { file: 0, directory: 0, symlink: 0 };
  const present: Counts = { file: 0, directory: 0, symlink: 0 };
  let presentBytes = 0;
  const count = { stored: 0, sent: 0, refused: 0, failed: 0, bytes: 0 };

  function apply(event: TransferEvent): EntryKind {
    if (event.type === 'offered') return open.begin(event);
    if (event.type === 'done') open.forget(event.session);
    if (event.type === 'refused') count.refused += 1;
    if (event.type === 'failed' && event.path !== null) count.failed += 1;
    if (!isEnd(event) || event.path === null) return 'file';
    const kind = open.end(event.session, event.path);
    if (event.type === 'stored' || event.type === 'sent') arrive(event, kind);
    return kind;
  }

  function arrive(event: Extract<EndEvent, { type: 'stored' | 'sent' }>, kind: EntryKind): void {
    const isPresent = event.type === 'stored' && event.already;
    (isPresent ? present : fresh)[kind] += 1;
    if (isPresent) presentBytes += event.size;
    count[event.type] += 1;
    count.bytes += event.size;
  }

  return {
    apply,
    get arrived() {
      return addUp(fresh) + addUp(present);
    },
    get already() {
      return addUp(present);
    },
    get newBytes() {
      return count.bytes - presentBytes;
    },
    summary: (seconds) => ({ ...count, seconds }),
    describe: () => describeKinds(addKinds(fresh, present)),
    describeNew: () => describeKinds(fresh),
  };
}

/** Remembers the kinds of the entries under way. */
function createOpenKinds() {
  const open = new Map<number, Map<string, EntryKind>>();
  return {
    begin({ session, path, kind }: Extract<TransferEvent, { type: 'offered' }>): EntryKind {
      const entries = open.get(session) ?? new Map<string, EntryKind>();
      open.set(session, entries.set(path, kind));
      return kind;
    },
    end(session: number, path: string): EntryKind {
      const kind = open.get(session)?.get(path) ?? 'file';
      open.get(session)?.delete(path);
      return kind;
    },
    forget: (session: number) => void open.delete(session),
  };
}

type Counts = Record<EntryKind, number>;

function addKinds(one: Readonly<Counts>, other: Readonly<Counts>): Counts {
  return {
    file: one.file + other.file,
    directory: one.directory + other.directory,
    symlink: one.symlink + other.symlink,
  };
}

function addUp({ file, directory, symlink }: Readonly<Counts>): number {
  return file + directory + symlink;
}

type EndEvent = Extract<TransferEvent, { type: 'stored' | 'sent' | 'refused' | 'failed' }>;

/** Whether an entry, or with a null path the session, is over with this event. */
export function isEnd(event: TransferEvent): event is EndEvent {
  return event.type === 'stored' || event.type === 'sent' || event.type === 'refused' || event.type === 'failed';
}
