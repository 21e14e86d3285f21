/** What has to hold after every fault. */
import { basename, join } from 'node:path';
import { expect } from 'vitest';
import { hashFile, readNames } from './folders.js';
import { send } from './mailbox.js';
import type { Exit } from './processes.js';
import { jargon, oneSentence } from './sentences.js';

/** The exit status, and one sentence that says so. */
export function expectFailure(exit: Exit, status: number, says: RegExp): void {
  expect(exit.status, exit.stderr).toBe(status);
  expect(exit.stderr).toMatch(oneSentence);
  expect(exit.stderr).toMatch(says);
  expect(exit.stderr).not.toMatch(jargon);
}

/** The receiver at this address takes the file as if nothing had happened, and then its folder holds these and no leftover. */
export async function expectTaken(
  to: { readonly dir: string; readonly address: string },
  file: string,
  others: readonly string[] = [],
): Promise<void> {
  const { status, stderr } = await send(to.address, file, '--quiet');
  expect(status, stderr).toBe(0);
  await expectWhole(to.dir, file);
  expect(await readNames(to.dir)).toEqual([...others, basename(file)].sort());
}

export async function expectWhole(dir: string, file: string): Promise<void> {
  expect(await hashFile(join(dir, basename(file)))).toBe(await hashFile(file));
}
