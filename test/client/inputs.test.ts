import { link, mkdir, symlink, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { beforeEach, describe, expect, it } from 'vitest';
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

async function namesOf(inputs: Inputs): Promise<string[]> {
  const names = [];
  for await (const { entry } of inputs.walk(undefined)) names.push(entry.path);
  return names;
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

describe('what is named more than once', () => {
  let dir: string;
  beforeEach(async () => {
    dir = await tempDir();
    for (const folder of ['g/sub', 'h']) await mkdir(join(dir, folder), { recursive: true });
    await writeFile(join(dir, 'g/key'), 'one');
    await link(join(dir, 'g/key'), join(dir, 'h/key'));
    await writeFile(join(dir, 'g/sub/x'), 'two');
    await symlink('g/key', join(dir, 'other'));
    await symlink('g', join(dir, 'l'));
  });

  it.each([
    ['one spelling', ['g/key', 'g/key'], ['key']],
    ['several spellings', ['g/key', './g/key', 'g//key', 'g/sub/../key', 'h/../g/key'], ['key']],
    ['a link to its folder', ['g/key', 'l/key'], ['key']],
    ['a folder, with and without a slash', ['g/sub', 'g/sub/', 'l/sub/.'], ['sub/x', 'sub']],
    ['a link of another name', ['g/key', 'other'], ['key', 'other']],
    ['another name of the same inode', ['g/key', 'h/key'], ['key', 'key']],
    ['the folder that it is in', ['g', 'g/key', 'g/key'], ['g/key', 'g/sub/x', 'key', 'g/sub', 'g']],
    ['files between', ['g/key', 'g/sub/x', 'g/key', 'g/sub/x'], ['key', 'x']],
  ])('by %s', async (_, paths, entries) => {
    const inputs = await openInputs(options(paths.map((path) => `${dir}/${path}`)));
    // The second walk is that of a retry.
    for (const walk of [1, 2]) expect(await namesOf(inputs), `walk ${walk}`).toEqual(entries);
    expect(new Set(inputs.names)).toEqual(new Set(entries.filter((name) => !name.includes('/'))));
  });
});

it.each<[string, InputOptions, string]>([
  ['a path at which nothing is', options(['/nowhere/a']), 'not-found'],
  ['an empty path', options(['']), 'not-found'],
  ['a path that is not valid Unicode', options(['\ud800']), 'unreadable'],
  ['a name that is not valid Unicode', options(['/'], { name: '\ud800' }), 'usage'],
  ['a name for several paths', options(['a', 'b'], { name: 'c' }), 'usage'],
  ['standard input without a name', options(['-'], { input: Readable.from([]) }), 'usage'],
  ['standard input that was not given', options(['-'], { name: 'a' }), 'usage'],
  ['standard input for classic', options(['-'], { name: 'a', input: Readable.from([]), classic: true }), 'usage'],
  ['a folder for classic', options(['/'], { name: 'a', classic: true }), 'usage'],
])('refuses %s before anything is sent', async (_, given, code) => {
  expect(await codeOf(openInputs(given))).toBe(code);
});
