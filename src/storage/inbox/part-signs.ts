/** Signs of life of part files that end with their session, and so have no lock of their own from the beginning. */
import { RENEW_MS, type Lock } from '../disk/lock.js';

/** Process-wide: parts that have no lock yet, in the order in which they began, with the time. */
const young = new Map<object, { readonly since: number; readonly take: () => void }>();
let watching: NodeJS.Timeout | undefined;

/** One timer serves all parts, because most are gone before it fires. */
function takeDueLocks(): void {
  watching = undefined;
  for (const [part, { since, take }] of young) {
    const restMs = since + RENEW_MS - performance.now();
    if (restMs > 0) return watchYoung(restMs);
    young.delete(part);
    take();
  }
}

function watchYoung(afterMs: number): void {
  watching ??= setTimeout(takeDueLocks, afterMs).unref();
}

/** Gives signs of life of a part that is there for longer than a moment: processes elsewhere see its lock being renewed. */
export function createPartSigns(takeLock: () => Promise<Lock | undefined>) {
  const part = {};
  let isBegun = false;
  let taking: Promise<Lock | undefined> | undefined;
  const take = () => void (taking = takeLock().catch(() => undefined));
  return {
    begin() {
      if (isBegun) return;
      isBegun = true;
      young.set(part, { since: performance.now(), take });
      watchYoung(RENEW_MS);
    },
    async end() {
      young.delete(part);
      await (await taking)?.release();
    },
  };
}
