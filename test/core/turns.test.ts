import { expect, it } from 'vitest';
import { createTurns } from '../../src/core/turns.js';

/** Work that lasts until it is ended, and the names of all work in the order in which it began. */
function createScene(atOnce: number) {
  const turns = createTurns(atOnce);
  const begun: string[] = [];
  const ends = new Map<string, (error?: Error) => void>();
  const run = (key: string, name: string) =>
    turns.run(key, () => {
      begun.push(name);
      return new Promise<string>((resolve, reject) =>
        ends.set(name, (error) => (error ? reject(error) : resolve(name))),
      );
    });
  async function end(name: string, error?: Error): Promise<void> {
    await new Promise(setImmediate);
    ends.get(name)?.(error);
    await new Promise(setImmediate);
  }
  return { run, begun, end };
}

it('no more work runs at the same time than is allowed', async () => {
  const { run, begun, end } = createScene(2);
  const all = ['one', 'two', 'three', 'four'].map((name) => run(name, name));
  await new Promise(setImmediate);
  expect(begun).toEqual(['one', 'two']);
  await end('two');
  expect(begun).toEqual(['one', 'two', 'three']);
  for (const name of ['one', 'three', 'four']) await end(name);
  expect(await Promise.all(all)).toEqual(['one', 'two', 'three', 'four']);
});

it('keys take turns, however much work one of them has waiting, and each runs its own in order', async () => {
  const { run, begun, end } = createScene(1);
  const calls = ['a1', 'a2', 'a3', 'a4', 'b1', 'b2', 'c1'];
  const all = calls.map((name) => run(name.charAt(0), name));
  const order = ['a1', 'a2', 'b1', 'c1', 'a3', 'b2', 'a4'];
  for (const name of order) await end(name);
  await Promise.all(all);
  expect(begun).toEqual(order);
});

it('a key whose work asks for the next turn lets the others go first', async () => {
  const { run, begun, end } = createScene(1);
  const long = run('a', 'a1').then(() => run('a', 'a2'));
  const short = run('b', 'b1');
  for (const name of ['a1', 'b1', 'a2']) await end(name);
  await Promise.all([long, short]);
  expect(begun).toEqual(['a1', 'b1', 'a2']);
});

it('work that fails makes way for the next', async () => {
  const { run, end } = createScene(1);
  const failed = expect(run('a', 'a1')).rejects.toThrow('broken');
  const next = run('b', 'b1');
  await end('a1', new Error('broken'));
  await failed;
  await end('b1');
  expect(await next).toBe('b1');
});
