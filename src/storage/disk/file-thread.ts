/** Runs the works of file-work.ts in one thread beside the main one, one after the other. Where there is no such thread, they run here. */
import { Worker } from 'node:worker_threads';
import { WORKS, type Works } from './file-work.js';

type OrderOf<Work extends keyof Works> = Parameters<Works[Work]>[0];
type AnswerOf<Work extends keyof Works> = ReturnType<Works[Work]>;

export interface FileThread {
  /** Resolves with what the work answers. Memory in the order is copied, unless it is shared. */
  run<Work extends keyof Works>(work: Work, order: OrderOf<Work>): Promise<AnswerOf<Work>>;
  /** Whether the thread gets on. If not, its disk keeps it waiting, and nothing new should be given to it. */
  isPrompt(): boolean;
}

/** The orders of a few batches, and no more than twice that. */
const MEMORY = { maxYoungGenerationSizeMb: 8, maxOldGenerationSizeMb: 64 };
/** Milliseconds that the oldest work may take. */
const PROMPT_MS = 5_000;

interface Waiting {
  readonly work: keyof Works;
  readonly order: OrderOf<keyof Works>;
  readonly since: number;
  readonly resolve: (answer: never) => void;
}

/** `start` starts the thread, or throws. */
export function createFileThread(start: () => Worker = startWorker): FileThread {
  const waiting: Waiting[] = [];
  let worker: Worker | undefined;
  /** Whether the thread has begun to work. */
  let isReady = false;
  let isMissing = false;

  /**
   * All works run here from now on, those that wait too. The one that was under way has done an unknown part of its calls.
   * To do them again could close descriptors that belong to others by now, so it counts as failed for all of its files.
   */
  function goOnHere(): void {
    isMissing = true;
    worker = undefined;
    const underWay = isReady ? waiting.shift() : undefined;
    underWay?.resolve(underWay.order.files.map(() => undefined) as never);
    for (const { work, order, resolve } of waiting.splice(0)) resolve(runHere(work, order) as never);
  }

  function open(): Worker | undefined {
    if (isMissing || worker) return worker;
    try {
      worker = start();
      worker.once('message', () => (isReady = true));
      worker.on('message', (answer) => {
        if (answer === 'ready') return;
        waiting.shift()?.resolve(answer as never);
        if (waiting.length === 0) worker?.unref();
      });
      worker.on('error', goOnHere);
    } catch {
      isMissing = true;
    }
    return worker;
  }

  return {
    run(work, order) {
      const thread = open();
      if (!thread) return Promise.resolve(runHere(work, order));
      return new Promise((resolve) => {
        waiting.push({ work, order, since: performance.now(), resolve });
        thread.ref();
        thread.postMessage({ work, order });
      });
    },
    isPrompt: () => performance.now() - (waiting[0]?.since ?? Infinity) < PROMPT_MS,
  };
}

function startWorker(): Worker {
  return new Worker(new URL('./file-worker.js', import.meta.url), { resourceLimits: MEMORY });
}

function runHere<Work extends keyof Works>(work: Work, order: OrderOf<Work>): AnswerOf<Work> {
  return (WORKS[work] as (order: OrderOf<Work>) => AnswerOf<Work>)(order);
}
