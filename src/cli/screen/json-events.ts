/** The lines of --json. */
import type { FtxError } from '../../core/errors.js';
import type { EventListener, Summary, TransferEvent } from '../../core/events.js';
import { toJsonLine } from './escape.js';

export const PROGRESS_INTERVAL_MS = 100;

export interface JsonEvents {
  readonly onEvent: EventListener;
  /** The whole has failed. Writes a `failed` line unless an event has been one. */
  fail(error: FtxError): void;
  /** Writes the `done` line unless the last event was one. */
  finish(summary: Summary): void;
}

type Frequent = Extract<TransferEvent, { type: 'progress' | 'comparing' | 'counting' }>;

/** Whether the next event of this kind tells more. The first one of a comparison is news. */
function isFrequent(event: TransferEvent): event is Frequent {
  return event.type === 'progress' || event.type === 'counting' || (event.type === 'comparing' && event.bytes > 0);
}

/** Writes each event as a line, but of frequent ones at most 10 per second and session: `stored` tells the end of a file anyway. */
export function createJsonEvents(write: (text: string) => void, now: () => number): JsonEvents {
  const lastProgress = new Map<number, number>();
  let session = 0;
  let failed = false;
  let done = false;

  function emit(event: TransferEvent): void {
    if ('session' in event) session = event.session;
    if (isFrequent(event) && isTooSoon(event.session)) return;
    if (event.type === 'failed' && event.path === null) failed = true;
    if (event.type === 'done') lastProgress.delete(event.session);
    done = event.type === 'done';
    write(`${toJsonLine(event)}\n`);
  }

  function isTooSoon(ofSession: number): boolean {
    const at = now();
    const last = lastProgress.get(ofSession);
    if (last !== undefined && at - last < PROGRESS_INTERVAL_MS) return true;
    lastProgress.set(ofSession, at);
    return false;
  }

  return {
    onEvent: emit,
    fail: ({ code, message }) => {
      if (!failed) emit({ type: 'failed', path: null, code, message, session });
    },
    finish: ({ stored, sent, refused, failed, bytes, seconds }) => {
      if (!done) emit({ type: 'done', stored, sent, refused, failed, bytes, seconds, session });
    },
  };
}
