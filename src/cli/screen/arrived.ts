/** What has arrived so far, by kind of entry, counted from events. */
import type { EntryKind } from '../../core/entry.js';
import type { Summary, TransferEvent } from '../../core/events.js';
import { describeKinds } from './format.js';

export interface Arrived {
  /** Counts the event. Returns the kind of the entry that the event is about. */
  apply(event: TransferEvent): EntryKind;
  /** Entries that have arrived. */
  readonly arrived: number;
  readonly bytes: number;
  summary(seconds: number): Summary;
  /** `2 files, 1 folder`, or `nothing`. */
  describe(): string;
}

/** Remembers the entries under way, and of all others only how many they are. */
export function createArrived(): Arrived {
  const open = new Map<number, Map<string, EntryKind>>();
  const arrived: Record<EntryKind, number> = { file: 0, directory: 0, symlink: 0 };
  const count = { stored: 0, sent: 0, refused: 0, failed: 0, bytes: 0 };

  function begin(session: number, path: string, kind: EntryKind): EntryKind {
    const entries = open.get(session) ?? new Map<string, EntryKind>();
    open.set(session, entries.set(path, kind));
    return kind;
  }

  function end(session: number, path: string): EntryKind {
    const kind = open.get(session)?.get(path) ?? 'file';
    open.get(session)?.delete(path);
    return kind;
  }

  function apply(event: TransferEvent): EntryKind {
    if (event.type === 'offered') return begin(event.session, event.path, event.kind);
    if (event.type === 'done') open.delete(event.session);
    if (event.type === 'refused') count.refused += 1;
    if (event.type === 'failed' && event.path !== null) count.failed += 1;
    if (!isEnd(event) || event.path === null) return 'file';
    const kind = end(event.session, event.path);
    if (event.type === 'stored' || event.type === 'sent') {
      arrived[kind] += 1;
      count[event.type] += 1;
      count.bytes += event.size;
    }
    return kind;
  }

  return {
    apply,
    get arrived() {
      return arrived.file + arrived.directory + arrived.symlink;
    },
    get bytes() {
      return count.bytes;
    },
    summary: (seconds) => ({ ...count, seconds }),
    describe: () => describeKinds(arrived),
  };
}

type EndEvent = Extract<TransferEvent, { type: 'stored' | 'sent' | 'refused' | 'failed' }>;

/** Whether an entry, or with a null path the session, is over with this event. */
export function isEnd(event: TransferEvent): event is EndEvent {
  return event.type === 'stored' || event.type === 'sent' || event.type === 'refused' || event.type === 'failed';
}
