/**
 * How much strangers may have written of them: each network a good deal at once, and after that a little as time goes by.
 * Pure bookkeeping, with a timer for the sums of what was left out.
 */

export interface BudgetOptions {
  /** What a network may have written at once. */
  readonly most: number;
  /** Milliseconds after which a network gets one back. */
  readonly everyMs: number;
  /** Called about once a minute while anything is left out, and by flush(). */
  readonly onLeftOut: (sum: LeftOut) => void;
}

/** What was left out since the last sum. */
export interface LeftOut {
  readonly count: number;
  /** Of whom: at most ten networks. */
  readonly networks: readonly string[];
  /** Whether there are more networks than these. */
  readonly areMore: boolean;
}

export interface Budgets {
  /** Takes one of the network. False if nothing is left. */
  take(network: string): boolean;
  /** Gives back what was taken. */
  giveBack(network: string): void;
  /** Counts one that was left out, because nothing could be taken for it. */
  leaveOut(network: string): void;
  /** Tells at once what was left out, as at the end. */
  flush(): void;
}

/** Networks that are remembered. All others share one budget. */
const MAX_NETWORKS = 10_000;
const OTHERS = '';
const MAX_TOLD = 10;
const TELL_MS = 60_000;

interface Budget {
  left: number;
  /** A reading of performance.now(). */
  at: number;
}

export function createBudgets({ most, everyMs, onLeftOut }: BudgetOptions): Budgets {
  /** The one that was used least recently comes first. */
  const budgets = new Map<string, Budget>();
  const leftOut = createSum(onLeftOut);

  function leftOf({ left, at }: Budget): number {
    return Math.min(most, left + (performance.now() - at) / everyMs);
  }

  /** Forgets the first network if that makes no difference. False if too many are remembered. */
  function makeRoom(): boolean {
    if (budgets.size < MAX_NETWORKS) return true;
    const [first] = budgets;
    return first !== undefined && leftOf(first[1]) >= most && budgets.delete(first[0]);
  }

  function change(network: string, by: number): boolean {
    const key = budgets.has(network) || makeRoom() ? network : OTHERS;
    const known = budgets.get(key);
    const left = (known ? leftOf(known) : most) + by;
    if (left < 0) return false;
    budgets.delete(key);
    budgets.set(key, { left: Math.min(left, most), at: performance.now() });
    return true;
  }

  return {
    take: (network) => change(network, -1),
    giveBack: (network) => void change(network, 1),
    leaveOut: (network) => leftOut.add(network),
    flush: () => leftOut.tell(),
  };
}

/** Adds up what is left out. */
function createSum(onLeftOut: BudgetOptions['onLeftOut']) {
  const networks = new Set<string>();
  let [count, areMore] = [0, false];
  let timer: ReturnType<typeof setTimeout> | undefined;

  function tell(): void {
    clearTimeout(timer);
    timer = undefined;
    if (count === 0) return;
    onLeftOut({ count, networks: [...networks], areMore });
    networks.clear();
    [count, areMore] = [0, false];
  }

  return {
    tell,
    add(network: string): void {
      count += 1;
      if (networks.size < MAX_TOLD) networks.add(network);
      else areMore ||= !networks.has(network);
      timer ??= setTimeout(tell, TELL_MS).unref();
    },
  };
}
