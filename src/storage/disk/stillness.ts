/** Remembers since when this process has seen something unchanged, by its own clock. */

/** Milliseconds after which a process that gives no sign of life counts as dead. */
export const DEAD_MS = 30_000;
/** Sights beyond this number push out the one that was first seen before all others. */
const MAX_SIGHTS = 10_000;

/** Process-wide: when each sight was first seen, by performance.now(). */
const firstSeen = new Map<string, number>();

/** Whether this very sight was first seen DEAD_MS ago or earlier. Call it again later when it is false. */
export function isStill(sight: string): boolean {
  const now = performance.now();
  const since = firstSeen.get(sight);
  if (since !== undefined) return now - since >= DEAD_MS;
  const [oldest] = firstSeen.size >= MAX_SIGHTS ? firstSeen.keys() : [];
  if (oldest !== undefined) firstSeen.delete(oldest);
  firstSeen.set(sight, now);
  return false;
}
