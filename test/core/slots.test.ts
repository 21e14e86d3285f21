import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSlots, type SessionSlots } from '../../src/core/slots.js';

/** Takes `count` slots; tells how many have been got. */
function ask(session: SessionSlots, count: number) {
  const got: boolean[] = [];
  for (let n = 0; n < count; n++) void session.take().then((hasSlot) => got.push(hasSlot));
  return got;
}

const settle = () => new Promise(setImmediate);

describe('slots', () => {
  it('are there for everybody: one, and half of what is left', async () => {
    const slots = createSlots(16);
    const all = ['a', 'b', 'c', 'd', 'e', 'f'].map((network) => ask(slots.join(network), 100));
    await settle();
    expect(all.map(({ length }) => length)).toEqual([9, 5, 3, 2, 2, 1]);
  });

  it('are left for another network, however many sessions one network has', async () => {
    const slots = createSlots(16);
    const crowd = Array.from({ length: 40 }, () => ask(slots.join('a'), 100));
    const other = ask(slots.join('b'), 100);
    await settle();
    expect(crowd.map(({ length }) => length - 1).reduce((sum, extra) => sum + extra, 0)).toBe(8);
    expect(other.length).toBe(5);
  });

  it('that sessions do not ask for are not kept for them', async () => {
    const slots = createSlots(16);
    for (let n = 0; n < 40; n++) slots.join('a');
    const got = ask(slots.join('a'), 100);
    await settle();
    expect(got.length).toBe(9);
  });

  it('that are given back go to the network and the session with the fewest', async () => {
    const slots = createSlots(4);
    const [first, second, other] = [slots.join('a'), slots.join('a'), slots.join('b')];
    const firstGot = ask(first, 100);
    const secondGot = ask(second, 100);
    const otherGot = ask(other, 100);
    await settle();
    expect([firstGot.length, secondGot.length, otherGot.length]).toEqual([3, 1, 2]);
    first.release();
    await settle();
    expect([firstGot.length, secondGot.length, otherGot.length]).toEqual([3, 2, 2]);
  });

  it('are taken in the order in which a session asks', async () => {
    const session = createSlots(0).join('a');
    const order: number[] = [];
    for (let n = 0; n < 4; n++) void session.take().then(() => order.push(n));
    for (let n = 0; n < 3; n++) {
      await settle();
      session.release();
    }
    await settle();
    expect(order).toEqual([0, 1, 2, 3]);
  });

  it('are waited for until the session closes', async () => {
    const slots = createSlots(0);
    const session = slots.join('a');
    const got = ask(session, 3);
    session.close();
    await settle();
    expect(got.sort()).toEqual([false, false, true]);
    expect(await session.take()).toBe(false);
  });

  it('are never more than there are, and all come back', async () => {
    const step = fc.record({ act: fc.constantFrom('take', 'release', 'close'), who: fc.nat(7) });
    const run = fc.asyncProperty(fc.nat(9), fc.array(step, { maxLength: 100 }), async (spare, steps) => {
      const slots = createSlots(spare);
      const sessions = Array.from({ length: 8 }, (_, n) => ({ held: 0, slots: slots.join(`network ${n % 3}`) }));
      for (const { act, who } of steps) {
        const session = sessions[who]!;
        if (act === 'take') void session.slots.take().then((hasSlot) => (session.held += hasSlot ? 1 : 0));
        else if (act === 'close') session.slots.close();
        else if (session.held > 0) {
          session.held -= 1;
          session.slots.release();
        }
        for (let turn = 0; turn < 5; turn++) await Promise.resolve();
        const extra = sessions.reduce((sum, { held }) => sum + Math.max(0, held - 1), 0);
        expect(extra).toBeLessThanOrEqual(spare);
      }
      for (const session of sessions) {
        session.slots.close();
        while (session.held-- > 0) session.slots.release();
      }
      const last = ask(slots.join('another'), 100);
      await settle();
      expect(last.length).toBe(1 + Math.ceil(spare / 2));
    });
    await fc.assert(run, { numRuns: 50 });
  });
});
