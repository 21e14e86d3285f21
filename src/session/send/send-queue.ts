/** The content that the receiver is waiting for. */
import { FtxError } from '../../core/errors.js';
import { MAX_WAITING_REQUESTS } from '../../protocol/constants.js';
import type { Task } from './outgoing-entry.js';

/** The answers of the receiver fill the queue, and the loop that sends contents empties it. */
export class SendQueue {
  readonly #again: Task[] = [];
  readonly #ready: Task[] = [];

  /** Whether a block is waiting that the receiver has asked for again. */
  get hasAgain(): boolean {
    return this.#again.length > 0;
  }

  /** Whether an entry is waiting that the receiver is ready for. */
  get hasReady(): boolean {
    return this.#ready.length > 0;
  }

  addReady(task: Task): void {
    this.#ready.push(task);
  }

  /** Throws FtxError `protocol` when the receiver asks faster than blocks can be sent. */
  addAgain(task: Task): void {
    if (this.#again.push(task) > MAX_WAITING_REQUESTS)
      throw new FtxError('protocol', 'The receiver asks for blocks again faster than they can be sent.');
  }

  /** Takes the block that has waited longest; undefined if none is waiting. */
  takeAgain(): Task | undefined {
    return this.#again.shift();
  }

  /** Takes the entry that has waited longest; undefined if none is waiting. */
  takeReady(): Task | undefined {
    return this.#ready.shift();
  }
}
