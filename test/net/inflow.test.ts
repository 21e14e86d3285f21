import { afterEach, describe, expect, it } from 'vitest';
import { Inflow, isCrowded } from '../../src/net/inflow.js';

const KIB = 1024;
const PART = new Uint8Array(128 * KIB);

const inflows: Inflow[] = [];
afterEach(() => {
  for (const inflow of inflows.splice(0)) inflow.clear();
  expect(isCrowded()).toBe(false);
});

function create(): Inflow {
  const inflow = new Inflow();
  inflows.push(inflow);
  return inflow;
}

describe('bytes that nobody reads yet', () => {
  it('pause a connection at 256 KiB of its own', () => {
    const inflow = create();
    expect([inflow.push(PART, false), inflow.push(PART, false)]).toEqual([true, false]);
  });

  it('pause each connection that has any, once 32 MiB wait in all of them', async () => {
    for (let n = 1; n < 256; n += 1) expect(create().push(PART, false)).toBe(true);
    expect(isCrowded()).toBe(true);
    const inflow = create();
    expect(inflow.push(PART, false)).toBe(false);
    const another = create();
    expect(another.push(PART.subarray(0, 1), false)).toBe(false);
    await another.read();
    // What a reader waits for is taken, and it may wait for more.
    const target = new Uint8Array(2 * PART.length);
    const reading = another.readInto(target, () => undefined);
    expect(another.push(PART, false)).toBe(true);
    expect(another.push(PART, false)).toBe(true);
    expect(await reading).toBe(target.length);
  });

  it.each<[string, (inflow: Inflow) => unknown]>([
    ['is read', (inflow) => inflow.read()],
    ['is read into memory', (inflow) => inflow.readInto(new Uint8Array(PART.length), () => undefined)],
    ['is taken as a whole', (inflow) => inflow.takeAll()],
    ['is thrown away', (inflow) => inflow.clear()],
  ])('no longer count when what waits %s', async (_, take) => {
    for (let round = 0; round < 300; round += 1) {
      const inflow = create();
      inflow.push(PART, false);
      inflow.fail(new Error('lost'));
      await take(inflow);
    }
    expect(isCrowded()).toBe(false);
  });
});
