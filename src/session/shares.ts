/** What each side of a transfer spends its time on, and which part holds the transfer back. */
import type { Limit, ReceiverShares, SenderShares, Shares } from '../core/events.js';
import { createStopwatch, type Stopwatch } from './stopwatch.js';

/** Milliseconds for which the thread of this session has worked, of a clock that never goes back. */
export type BusyClock = () => number;

/** What one content on its way out waits for. */
export interface SenderTask {
  enter(state: keyof SenderShares): void;
  /** To be called when the content is sent, or is not sent any more. */
  end(): void;
}

export interface SenderWatch {
  /** Content begins to be read and sent. It is in the state `cpu`. */
  begin(): SenderTask;
  total(): SenderShares;
  lap(): SenderShares;
}

/** A sender with no content on its way waits for the receiver's answers, and that counts as network. */
export function createSenderWatch(busyMs?: BusyClock): SenderWatch {
  const watch = createStopwatch(['source', 'network', 'cpu'], 'network', busyMs);
  return {
    begin() {
      let current: keyof SenderShares | undefined;
      const move = (next: keyof SenderShares | undefined) => {
        if (next === current) return;
        watch.move(current, next);
        current = next;
      };
      move('cpu');
      return { enter: move, end: () => move(undefined) };
    },
    total: () => watch.total(),
    lap: () => watch.lap(),
  };
}

export interface ReceiverWatch extends Pick<Stopwatch<keyof ReceiverShares>, 'total' | 'lap'> {
  /** From now on, time counts for this state. */
  enter(state: keyof ReceiverShares): void;
  /** A commit begins. While commits run, time in the state `network` counts as `disk`, which the sender waits for. */
  commitStarted(): void;
  commitEnded(): void;
}

export function createReceiverWatch(busyMs?: BusyClock): ReceiverWatch {
  const watch = createStopwatch(['network', 'disk', 'cpu'], 'network', busyMs);
  let state: keyof ReceiverShares = 'cpu';
  let counted: keyof ReceiverShares | undefined;
  let commits = 0;
  function update(): void {
    const next = state === 'network' && commits > 0 ? 'disk' : state;
    if (next === counted) return;
    watch.move(counted, next);
    counted = next;
  }
  update();
  return {
    total: () => watch.total(),
    lap: () => watch.lap(),
    enter(next) {
      state = next;
      update();
    },
    commitStarted() {
      commits += 1;
      update();
    },
    commitEnded() {
      commits -= 1;
      update();
    },
  };
}

/** What both sides of one session spend their time on, as its sender knows it. */
export interface SessionShares {
  /** The sender's own time. */
  readonly watch: SenderWatch;
  /** What held the transfer back when the receiver last told of its time; null until that is known. */
  readonly limitedBy: Limit | null;
  /** The source is no file on a disk, but what a program or a person gives. */
  noteStream(): void;
  /** The receiver tells of the time since it told last. */
  noteLap(shares: ReceiverShares): void;
  /** The receiver tells of all its time so far. */
  noteTotal(shares: ReceiverShares): void;
  /** All the time so far. */
  total(): Shares;
}

export function createSessionShares(busyMs?: BusyClock): SessionShares {
  const watch = createSenderWatch(busyMs);
  let receiver: ReceiverShares | null = null;
  let limitedBy: Limit | null = null;
  let source: SourceLimit = 'sender disk';
  return {
    watch,
    get limitedBy() {
      return limitedBy;
    },
    noteStream: () => void (source = 'sender input'),
    noteLap(shares) {
      receiver = shares;
      limitedBy = findLimit(watch.lap(), shares, source);
    },
    noteTotal: (shares) => void (receiver = shares),
    total() {
      const sender = watch.total();
      return { limitedBy: findLimit(sender, receiver, source), sender, receiver };
    },
  };
}

type SourceLimit = Extract<Limit, 'sender disk' | 'sender input'>;

/** The part that takes the most time; null when it belongs to a side whose shares are not known. */
export function findLimit(
  sender: SenderShares | null,
  receiver: ReceiverShares | null,
  source: SourceLimit = 'sender disk',
): Limit | null {
  if (sender && sender.network < Math.max(sender.source, sender.cpu))
    return sender.source >= sender.cpu ? source : 'sender CPU';
  if (!receiver) return null;
  if (receiver.network >= Math.max(receiver.disk, receiver.cpu)) return sender && 'network';
  return receiver.disk >= receiver.cpu ? 'receiver disk' : 'receiver CPU';
}
