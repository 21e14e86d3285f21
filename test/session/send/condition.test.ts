import { expect, it } from 'vitest';
import { createCondition } from '../../../src/session/send/condition.js';

it('wakes those whose test holds', async () => {
  const condition = createCondition();
  let count = 0;
  const woken: number[] = [];
  const waits = [1, 2].map((wanted) => condition.until(() => count >= wanted).then(() => woken.push(wanted)));
  count = 1;
  condition.notify();
  await waits[0];
  expect(woken).toEqual([1]);
  count = 2;
  condition.notify();
  await Promise.all(waits);
  expect(woken).toEqual([1, 2]);
});

it('ends waits, now and later, with the first reason', async () => {
  const condition = createCondition();
  const now = condition.until(() => false);
  condition.fail(new Error('first'));
  condition.fail(new Error('second'));
  await expect(now).rejects.toThrow('first');
  await expect(condition.until(() => true)).rejects.toThrow('first');
});
