/** Blocks of zeros of one file on their way out: neighbours go together, in one frame. */
import type { Channel } from '../../protocol/channel.js';
import { MAX_RUN_BYTES } from '../../protocol/constants.js';

/** A run goes out after so many milliseconds, so that the receiver sees the file move while the sender reads or waits. */
const MAX_WAIT_MS = 250;

export interface ZeroRun {
  /** Adds the block of zeros at this byte offset. Resolves when more may come. */
  add(offset: number, length: number): Promise<void>;
  /** Sends what is left. Call it before any other block of the file. */
  flush(): Promise<void>;
  /** Forgets what is left. */
  stop(): void;
}

export function createZeroRun(channel: Channel, id: number): ZeroRun {
  let run = { offset: 0, length: 0 };
  let timer: ReturnType<typeof setTimeout> | undefined;

  function flush(): Promise<void> {
    clearTimeout(timer);
    timer = undefined;
    if (run.length === 0) return Promise.resolve();
    const sent = channel.send({ type: 'zeros', id, ...run });
    run = { offset: 0, length: 0 };
    return sent;
  }

  return {
    flush,
    stop: () => clearTimeout(timer),
    async add(offset, length) {
      if (offset !== run.offset + run.length) await flush();
      if (run.length === 0) run = { offset, length: 0 };
      // A failure of the channel ends the session anyway.
      timer ??= setTimeout(() => void flush().catch(() => undefined), MAX_WAIT_MS);
      run.length += length;
      if (run.length >= MAX_RUN_BYTES) await flush();
    },
  };
}
