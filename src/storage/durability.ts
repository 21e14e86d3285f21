/** Whether what is stored survives a power cut; a receiver decides it once, for all that it stores. */
import type { FileHandle } from 'node:fs/promises';
import { syncFolder } from './durable-folder.js';

export interface Durability {
  /** Makes the content and the attributes of a file durable, or those of a folder. */
  file(handle: FileHandle): Promise<void>;
  /** Makes the names in a folder durable. */
  folder(path: string): Promise<void>;
}

export const DURABLE: Durability = { file: (handle) => handle.sync(), folder: syncFolder };

/** The system writes it down when it gets round to it. */
export const LEFT_TO_THE_SYSTEM: Durability = { file: () => Promise.resolve(), folder: () => Promise.resolve() };
