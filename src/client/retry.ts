/** Trying a transfer again after the connection was lost. */
import { abortReason, isRetried, toFtxError, type FtxError } from '../core/errors.js';

const FIRST_DELAY_MS = 1_000;
const MAX_DELAY_MS = 30_000;

export interface RetryOptions {
  /** How often in a row, without any progress between, to try again. */
  readonly retries: number;
  readonly signal: AbortSignal;
  /** How far the transfer is, in any measure that grows when it need not be sent again. */
  readonly progress: () => number;
  /** Whether there was a connection at any time. */
  readonly wasConnected: () => boolean;
  /** Called before each wait. */
  readonly onRetry: (failure: FtxError, attempt: number, delayMs: number) => void;
  /** From 0 to 1. */
  readonly random?: () => number;
}

/** Runs `attempt` until it succeeds, or fails in a way that will not pass by itself, or too often. */
export async function withRetries(options: RetryOptions, attempt: () => Promise<void>): Promise<void> {
  const { retries, signal, progress, wasConnected, onRetry, random = Math.random } = options;
  for (let tries = 0, seen = progress(); ;) {
    try {
      return await attempt();
    } catch (error) {
      const failure = toFtxError(error);
      if (progress() > seen) tries = 0;
      seen = progress();
      if (tries >= retries || !isRetried(failure.code, wasConnected())) throw failure;
      tries += 1;
      const delayMs = spread(Math.min(MAX_DELAY_MS, FIRST_DELAY_MS * 2 ** (tries - 1)), random());
      onRetry(failure, tries, delayMs);
      await pause(delayMs, signal);
    }
  }
}

/** Between half and one and a half of it: many who were turned away together must not come back together. */
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
