/**
 * Folders that were made for entries which have not come. An offer brings nothing and may name a hundred folders, so only
 * so many of them stand at any time: the next offer waits until entries have come, or have been given up.
 */

/** Of one session. A tree of folders with one small file in each is not slowed down by it. */
const MOST = 256;
/** Of all sessions of an inbox. A session that has none may go on all the same, one entry at a time. */
const MOST_IN_ALL = 1024;

/** The folders of one session. */
export interface UnprovenFolders {
  /**
   * Waits until so many more folders may be made for an entry, and counts them. Returns the function to call when the
   * entry has come or is given up. Throws the reason of the signal when that aborts meanwhile.
   */
  take(folders: number, signal?: AbortSignal): Promise<() => void>;
}

interface Waiting {
  readonly mayGo: () => boolean;
  readonly go: () => void;
}

/** `join`: called once for each session. */
export function createUnprovenFolders(): { join(): UnprovenFolders } {
  let inAll = 0;
  const waiting = new Set<Waiting>();

  function wake(): void {
    for (const one of waiting) if (one.mayGo()) one.go();
  }

  function join(): UnprovenFolders {
    let own = 0;
    const count = (folders: number): void => {
      own += folders;
      inAll += folders;
    };
    const mayTake = (folders: number) => own === 0 || (own + folders <= MOST && inAll + folders <= MOST_IN_ALL);

    async function wait(folders: number, signal: AbortSignal | undefined): Promise<void> {
      await new Promise<void>((resolve, reject) => {
        const abort = (): void => {
          waiting.delete(one);
          reject(signal?.reason as Error);
        };
        const go = (): void => {
          waiting.delete(one);
          signal?.removeEventListener('abort', abort);
          count(folders);
          resolve();
        };
        const one = { mayGo: () => mayTake(folders), go };
        waiting.add(one);
        signal?.addEventListener('abort', abort);
      });
    }

    return {
      async take(folders, signal) {
        signal?.throwIfAborted();
        if (mayTake(folders)) count(folders);
        else await wait(folders, signal);
        let isOver = false;
        return () => {
          if (isOver) return;
          isOver = true;
          count(-folders);
          wake();
        };
      },
    };
  }

  return { join };
}
