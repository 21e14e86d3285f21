/** The thread of file-thread.ts: says that it is ready, does one work after the other, and answers each. */
import { parentPort } from 'node:worker_threads';
import { WORKS } from './file-work.js';

parentPort?.on('message', ({ work, order }: { work: keyof typeof WORKS; order: never }) => {
  parentPort?.postMessage(WORKS[work](order));
});
parentPort?.postMessage('ready');
