/** What each side of a transfer spends its time on, and which part holds the transfer back. */
import type { Limit, ReceiverShares, SenderShares } from '../core/events.js';

/** Measures how the time divides among states. */
export interface Stopwatch<State extends string> {
  /** From now on, time counts for this state. */
  enter(state: State): void;
  /** The share of each state in all the time so far, in whole percents. */
  total(): Record<State, number>;
  /** The same of the time since the last call of lap(). */
  lap(): Record<State, number>;
}

export function createStopwatch<State extends string>(states: readonly State[], first: State): Stopwatch<State> {
  const spent = makeRecord(states, () => 0);
  let before = { ...spent };
  let current = first;
  let since = performance.now();

  function addUp(): void {
    const now = performance.now();
    spent[current] += now - since;
    since = now;
  }

  return {
    enter(state) {
      if (state === current) return;
      addUp();
      current = state;
    },
    total() {
      addUp();
      return toPercents(states, spent);
    },
    lap() {
      addUp();
      const lap = makeRecord(states, (state) => spent[state] - before[state]);
      before = { ...spent };
      return toPercents(states, lap);
    },
  };
}

function makeRecord<State extends string>(states: readonly State[], value: (state: State) => number) {
  return Object.fromEntries(states.map((state) => [state, value(state)])) as Record<State, number>;
}

function toPercents<State extends string>(states: readonly State[], spent: Record<State, number>) {
  const whole = states.reduce((sum, state) => sum + spent[state], 0);
  return makeRecord(states, (state) => (whole === 0 ? 0 : Math.round((100 * spent[state]) / whole)));
}

export const createSenderWatch = () => createStopwatch(['source', 'network', 'cpu'] as const, 'cpu');
export type SenderWatch = ReturnType<typeof createSenderWatch>;

export interface ReceiverWatch extends Stopwatch<keyof ReceiverShares> {
  /** A commit begins. While commits run, time in the state `network` counts as `disk`, which the sender waits for. */
  commitStarted(): void;
  commitEnded(): void;
}

export function createReceiverWatch(): ReceiverWatch {
  const watch = createStopwatch(['network', 'disk', 'cpu'] as const, 'cpu');
  let state: keyof ReceiverShares = 'cpu';
  let commits = 0;
  const update = () => watch.enter(state === 'network' && commits > 0 ? 'disk' : state);
  return {
    ...watch,
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
  /** The receiver's, as it told last; null until it has. */
  readonly receiver: ReceiverShares | null;
  /** What held the transfer back when the receiver last told of its time; null until that is known. */
  readonly limitedBy: Limit | null;
  /** The receiver tells of the time since it told last. */
  noteLap(shares: ReceiverShares): void;
  /** The receiver tells of all its time so far. */
  noteTotal(shares: ReceiverShares): void;
}

export function createSessionShares(): SessionShares {
  const watch = createSenderWatch();
  let receiver: ReceiverShares | null = null;
  let limitedBy: Limit | null = null;
  return {
    watch,
    get receiver() {
      return receiver;
    },
    get limitedBy() {
      return limitedBy;
    },
    noteLap(shares) {
      receiver = shares;
      limitedBy = findLimit(watch.lap(), shares);
    },
    noteTotal: (shares) => void (receiver = shares),
  };
}

/** The part that takes the most time; null when it belongs to a side whose shares are not known. */
export function findLimit(sender: SenderShares | null, receiver: ReceiverShares | null): Limit | null {
  if (sender && sender.network < Math.max(sender.source, sender.cpu))
    return sender.source >= sender.cpu ? 'sender disk' : 'sender CPU';
  if (!receiver) return null;
  if (receiver.network >= Math.max(receiver.disk, receiver.cpu)) return sender && 'network';
  return receiver.disk >= receiver.cpu ? 'receiver disk' : 'receiver CPU';
}
