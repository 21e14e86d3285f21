/** Measures how time divides among what the tasks of a session wait for. */
export interface Stopwatch<State extends string> {
  /** A task goes from one state to another. It begins when `from` is undefined, and ends when `to` is. */
  move(from: State | undefined, to: State | undefined): void;
  /** The share of each state in all the time so far, in whole percents. */
  total(): Record<State, number>;
  /** The same of the time since the last call of lap(). */
  lap(): Record<State, number>;
}

interface Mark<State extends string> {
  readonly spent: Record<State, number>;
  /** Undefined without a clock of the work. */
  readonly busy: number | undefined;
}

/**
 * Tasks that run at the same time share the time among them. Without any task, time counts for the state `idle`.
 *
 * `busyMs`: milliseconds for which this thread has worked. With it, the state `cpu` gets that time, and only the rest is
 * waiting: a task that waits for a disk, while the processor works for seven others, is not held up by the disk.
 * Without it, `cpu` gets the time in which tasks are in that state.
 */
export function createStopwatch<State extends string>(
  states: readonly (State | 'cpu')[],
  idle: State,
  busyMs?: () => number,
): Stopwatch<State | 'cpu'> {
  type All = State | 'cpu';
  const tasks = makeRecord(states, () => 0);
  const spent = makeRecord(states, () => 0);
  let running = 0;
  let since = performance.now();
  const readMark = (): Mark<All> => ({ spent: { ...spent }, busy: busyMs?.() });
  const start = readMark();
  let before = start;

  function addUp(): void {
    const now = performance.now();
    const elapsed = now - since;
    since = now;
    if (running === 0) spent[idle] += elapsed;
    else for (const state of states) if (tasks[state] > 0) spent[state] += (elapsed * tasks[state]) / running;
  }

  function add(state: All | undefined, by: 1 | -1): void {
    if (state === undefined) return;
    tasks[state] += by;
    running += by;
  }

  return {
    move(from, to) {
      addUp();
      add(from, -1);
      add(to, 1);
    },
    total() {
      addUp();
      return divide(states, start, readMark());
    },
    lap() {
      addUp();
      const [from, to] = [before, readMark()];
      before = to;
      return divide(states, from, to);
    },
  };
}

/** The shares of what lies between two marks. */
function divide<State extends string>(
  states: readonly (State | 'cpu')[],
  from: Mark<State | 'cpu'>,
  to: Mark<State | 'cpu'>,
): Record<State | 'cpu', number> {
  const lap = makeRecord(states, (state) => to.spent[state] - from.spent[state]);
  const whole = states.reduce((sum, state) => sum + lap[state], 0);
  const waiting = whole - lap.cpu;
  if (from.busy !== undefined && to.busy !== undefined && waiting > 0) {
    const busy = Math.min(whole, Math.max(0, to.busy - from.busy));
    for (const state of states) lap[state] *= (whole - busy) / waiting;
    lap.cpu = busy;
  }
  return makeRecord(states, (state) => (whole === 0 ? 0 : Math.round((100 * lap[state]) / whole)));
}

function makeRecord<State extends string>(states: readonly State[], value: (state: State) => number) {
  return Object.fromEntries(states.map((state) => [state, value(state)])) as Record<State, number>;
}
