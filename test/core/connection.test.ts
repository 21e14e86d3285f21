import { expect, it } from 'vitest';
import { observeReads, pushBack, wrapConnection } from '../../src/core/connection.js';
import { describeConnection } from '../contract/connection.contract.js';
import { connectionPair, scriptedConnection } from '../support/memory-connection.js';

describeConnection('a wrapped connection', () => {
  const [left, right] = connectionPair();
  return Promise.resolve([wrapConnection(left, {}), observeReads(right, () => undefined)]);
});

it('observeReads tells the bytes of read and of readInto, and nothing at the end', async () => {
  const { connection } = scriptedConnection([new Uint8Array(3), new Uint8Array(5)]);
  const told: number[] = [];
  const toldToReader: number[] = [];
  const observed = observeReads(connection, (bytes) => told.push(bytes));
  await observed.read();
  await observed.readInto(new Uint8Array(4), (bytes) => toldToReader.push(bytes));
  await observed.read();
  await observed.read();
  expect(told).toEqual([3, 4, 1]);
  expect(toldToReader).toEqual([4]);
});

it('pushBack gives the bytes that were pushed back before those of the connection, in pieces of any length', async () => {
  const { connection } = scriptedConnection([Uint8Array.of(4, 5)]);
  const again = pushBack(connection, Uint8Array.of(1, 2, 3));
  const target = new Uint8Array(2);
  expect(await again.readInto(target, () => undefined)).toBe(2);
  expect([...target]).toEqual([1, 2]);
  expect(await again.read()).toEqual(Uint8Array.of(3));
  expect(await again.read()).toEqual(Uint8Array.of(4, 5));
});
