import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { expect, it } from 'vitest';
import { openInputs, type InputOptions, type Inputs } from '../../src/client/inputs.js';
import { codeOf } from '../support/error-code.js';
import { tempDir } from '../support/folders.js';

function options(paths: readonly string[], more: Partial<InputOptions> = {}): InputOptions {
  const { signal } = new AbortController();
  return { paths, name: undefined, input: undefined, classic: false, stateDir: '/nowhere', signal, ...more };
}

async function sizesOf(inputs: Inputs): Promise<(number | null)[]> {
  const sizes = [];
  for await (const { entry } of inputs.walk(undefined)) sizes.push(entry.size);
  return sizes;
}

async function openFile(): Promise<{ inputs: Inputs; path: string }> {
  const path = join(await tempDir(), 'a');
  await writeFile(path, '1');
  return { inputs: await openInputs(options([path])), path };
}

it('sends a file as the second walk finds it, although it has changed since the first', async () => {
  const { inputs, path } = await openFile();
  expect(await sizesOf(inputs)).toEqual([1]);
  await writeFile(path, '22');
  expect(await sizesOf(inputs)).toEqual([2]);
});

it('sends a file as the first walk finds it, although it has changed since it was inspected', async () => {
  const { inputs, path } = await openFile();
  await writeFile(path, '22');
  expect(await sizesOf(inputs)).toEqual([2]);
});

it('sends a stream under its name', async () => {
  const inputs = await openInputs(options(['-'], { name: 'a', input: Readable.from(['x']) }));
  expect(await sizesOf(inputs)).toEqual([null]);
});

it.each<[string, InputOptions, string]>([
  ['a path at which nothing is', options(['/nowhere/a']), 'not-found'],
  ['a name for several paths', options(['a', 'b'], { name: 'c' }), 'usage'],
  ['standard input without a name', options(['-'], { input: Readable.from([]) }), 'usage'],
  ['standard input that was not given', options(['-'], { name: 'a' }), 'usage'],
  ['standard input for classic', options(['-'], { name: 'a', input: Readable.from([]), classic: true }), 'usage'],
  ['a folder for classic', options(['/'], { name: 'a', classic: true }), 'usage'],
])('refuses %s before anything is sent', async (_, given, code) => {
  expect(await codeOf(openInputs(given))).toBe(code);
});
