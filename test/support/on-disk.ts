/** The file sink, as its contract wants to see it. */
import { lstat, readFile, readlink } from 'node:fs/promises';
import { join } from 'node:path';
import { createFileSink } from '../../src/storage/inbox/file-sink.js';
import type { SinkContract } from '../contract/sink.contract.js';
import { readNames, tempDir } from './folders.js';

export const onDisk: SinkContract<string> = {
  makeStore: tempDir,
  makeSink: (dir, options) => createFileSink({ dir, isKnown: true, ...options }),
  readNames,
  readFile: (dir, path) => readFile(join(dir, path)),
  readTarget: (dir, path) => readlink(join(dir, path)),
  readAttributes: async (dir, path) => {
    const { mode, mtimeNs } = await lstat(join(dir, path), { bigint: true });
    // The time is kept to the microsecond.
    return { mode: Number(mode & 0o7777n), mtimeNs: (mtimeNs / 1000n) * 1000n };
  },
};
