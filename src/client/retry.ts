/** Trying a transfer again after the connection was lost. */
import { abortReason, isRetried, toFtxError, type FtxError } from '../core/errors.js';

const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 30_000;
/** More than all buffers on the way take: a receiver that has so many bytes of one attempt must have read them. */
const MUCH_BYTES = 16 * 1024 * 1024;
/** How many times as many attempts as in a row there are in all, between two that have brought much. */
const MAX_ROWS = 5;

export interface RetryOptions {
  /** How often in a row, without any progress between, to try again. */
  readonly retries: number;
  readonly signal: AbortSignal;
  /** How many bytes of what was sent the receiver has for good. It grows with each entry that is stored too. */
  readonly progress: () => number;
  /** Whether any attempt so far has had a connection. */
  readonly wasConnected: () => boolean;
  /** Called before each wait. */
  readonly onRetry: (failure: FtxError, attempt: number, delayMs: number) => void;
  /** Returns a number from 0 to 1, as Math.random does. */
  readonly random?: () => number;
}

/**
 * Runs `attempt` until it succeeds. Throws its FtxError when the code is not retried, or `retries` are used up. An
 * attempt that brings something begins a new row of them. There are only so many rows, unless an attempt brings much.
 */
export async function withRetries(options: RetryOptions, attempt: () => Promise<void>): Promise<void> {
  const { retries, signal, progress, wasConnected, onRetry, random = Math.random } = options;
  for (let tries = 0, all = 0, seen = progress(); ;) {
    try {
      return await attempt();
    } catch (error) {
      const failure = toFtxError(error);
      const brought = progress() - seen;
      seen += brought;
      if (brought > 0) tries = 0;
      if (brought >= MUCH_BYTES) all = 0;
      const isOver = tries >= retries || all >= MAX_ROWS * retries;
      if (isOver || !isRetried(failure.code, wasConnected())) throw failure;
      tries += 1;
      all += 1;
      const delayMs = spread(Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (tries - 1)), random());
      onRetry(failure, tries, delayMs);
      await pause(delayMs, signal);
    }
  }
}

/** Between 0.5 and 1.5 times `ms`, so that senders that were turned away together do not come back together. */
function spread(ms: number, random: number): number {
  return Math.round((ms * (0.5 + random)) / 100) * 100;
}

/** Rejects with the reason of the signal. */
async function pause(ms: number, signal: AbortSignal): Promise<void> {
  let stop: () => void = () => undefined;
  try {
    await new Promise<void>((resolve) => {
      const timer = setTimeout(resolve, ms);
      stop = () => {
        clearTimeout(timer);
        resolve();
      };
      signal.addEventListener('abort', stop);
    });
    if (signal.aborted) throw abortReason(signal);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
