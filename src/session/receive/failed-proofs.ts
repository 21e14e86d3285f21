/** Counts wrong proofs, so that a sender cannot have a file read again and again for nothing. */

/** After so many wrong proofs of one file, the content has to come first. */
const MAX_FAILED = 3;
/** Counts that are kept; the oldest is forgotten beyond that. */
const MAX_COUNTS = 10_000;

/** Process-wide, by sender and file, those that changed last at the end. */
const counts = new Map<string, number>();

export interface FailedProofs {
  /** Whether the sender may still prove that it has the content of the file. */
  mayProve(file: string): boolean;
  /** Notes that a proof was wrong. */
  note(file: string): void;
}

/** The proofs of a sender that is known by several names: its key, and its network. Each name has a count of its own. */
export function createFailedProofs(names: readonly string[]): FailedProofs {
  const keysOf = (file: string) => names.map((name) => `${name} ${file}`);
  return {
    mayProve: (file) => keysOf(file).every((key) => (counts.get(key) ?? 0) < MAX_FAILED),
    note(file) {
      for (const key of keysOf(file)) {
        const count = (counts.get(key) ?? 0) + 1;
        counts.delete(key);
        counts.set(key, count);
      }
      for (const key of counts.keys()) {
        if (counts.size <= MAX_COUNTS) break;
        counts.delete(key);
      }
    },
  };
}
