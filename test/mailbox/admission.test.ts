import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { networkOf } from '../../src/core/network.js';
import { countStrangersAllowed, createAdmission, type Guest } from '../../src/mailbox/admission.js';

interface Caller {
  readonly name: string;
  readonly guest: Guest | undefined;
  isDropped: boolean;
}

const QUIET_MS = 60_000;

const countFew = (maxGuests: number) => Math.min(8, Math.ceil(maxGuests / 4));

function open(maxGuests: number, maxStrangers = maxGuests) {
  let time = 0;
  const callers: Caller[] = [];
  const admission = createAdmission({ maxGuests, maxStrangers, quietMs: QUIET_MS, now: () => time });
  const call = (host: string): Caller => {
    const caller: Caller = {
      name: `${host} ${callers.length}`,
      isDropped: false,
      guest: admission.admit({ host, port: 50_000 }, () => (caller.isDropped = true)),
    };
    callers.push(caller);
    return caller;
  };
  const callMany = (count: number, host: string) => Array.from({ length: count }, () => call(host));
  return { call, callMany, callers, pass: (ms: number) => (time += ms) };
}

const dropped = (callers: readonly Caller[]) => callers.filter(({ isDropped }) => isDropped).length;

describe('a full house', () => {
  it('has a place for a newcomer as long as there is a stranger', () => {
    const { call, callMany } = open(4);
    const flood = callMany(4, '192.0.2.1');
    const sender = call('192.0.2.2');
    expect(sender.guest).toBeDefined();
    expect(flood.map(({ isDropped }) => isDropped)).toEqual([true, false, false, false]);
  });

  it('has no place for a newcomer of the same network when every guest has settled', () => {
    const { call, callMany } = open(4);
    const senders = callMany(4, '192.0.2.1');
    for (const { guest } of senders) guest?.settle();
    expect(call('192.0.2.1').guest).toBeUndefined();
    expect(dropped(senders)).toBe(0);
    senders[0]?.guest?.release();
    expect(call('192.0.2.1').guest).toBeDefined();
  });

  it('takes the place from the address that has most strangers, however often that address calls', () => {
    const { call, callMany } = open(10);
    const sender = call('192.0.2.2');
    const flood = callMany(500, '192.0.2.1');
    expect(sender.isDropped).toBe(false);
    expect(dropped(flood)).toBe(491);
    sender.guest?.settle();
    expect(callMany(500, '192.0.2.1').every(({ guest }) => guest)).toBe(true);
    expect(sender.isDropped).toBe(false);
  });

  it('lets a sender in that calls from the same address as the flood', () => {
    const { call, callMany } = open(10);
    callMany(500, '192.0.2.1');
    const sender = call('192.0.2.1');
    callMany(9, '192.0.2.1');
    expect(sender.isDropped).toBe(false);
    sender.guest?.settle();
    callMany(500, '192.0.2.1');
    expect(sender.isDropped).toBe(false);
  });

  it('counts all addresses of one IPv6 network as one', () => {
    const { call, callers } = open(10);
    const sender = call('2001:db8:1::2');
    for (let n = 0; n < 100; n++) call(`[2001:db8:2::${n.toString(16)}]`);
    expect(sender.isDropped).toBe(false);
    expect(dropped(callers)).toBe(91);
  });
});

describe('a crowd from one address that comes to a small house at once', () => {
  const speakAll = (callers: readonly Caller[]) => callers.forEach(({ guest }) => guest?.speak());

  it('does not displace itself while those inside introduce themselves', () => {
    const { callMany } = open(4);
    const first = callMany(4, '192.0.2.1');
    speakAll(first);
    expect(callMany(200, '192.0.2.1').every(({ guest }) => !guest)).toBe(true);
    expect(dropped(first)).toBe(0);
  });

  it('displaces its oldest when they take too long to introduce themselves', () => {
    const { call, callMany, pass } = open(4);
    const first = callMany(4, '192.0.2.1');
    speakAll(first);
    pass(1_000);
    expect(call('192.0.2.1').guest).toBeDefined();
    expect(first.map(({ isDropped }) => isDropped)).toEqual([true, false, false, false]);
  });

  it('makes room for others at once', () => {
    const { call, callMany } = open(4);
    speakAll(callMany(4, '192.0.2.1'));
    expect(call('192.0.2.2').guest).toBeDefined();
  });

  it('takes the places of strangers that say nothing', () => {
    const { call, callMany } = open(4);
    const [silent, ...speaking] = callMany(4, '192.0.2.1');
    speakAll(speaking);
    expect(call('192.0.2.1').guest).toBeDefined();
    expect(silent!.isDropped).toBe(true);
    expect(dropped(speaking)).toBe(0);
  });
});

describe('strangers over their limit', () => {
  it('go, once they have had their time', () => {
    const { callMany, pass, call } = open(100, 10);
    const flood = callMany(50, '192.0.2.1');
    const shy = callMany(3, '192.0.2.2');
    pass(999);
    call('192.0.2.3');
    expect(dropped([...flood, ...shy])).toBe(0);
    pass(1);
    call('192.0.2.3');
    expect(dropped(flood)).toBe(45);
    expect(dropped(shy)).toBe(0);
  });

  it('are not a crowd that comes at once and then settles', () => {
    const { callMany } = open(100, 10);
    const crowd = callMany(100, '192.0.2.1');
    for (const { guest } of crowd) guest?.settle();
    expect(dropped(crowd)).toBe(0);
  });

  it('are a quarter of all, and never fewer than 8', () => {
    expect([1, 32, 1024].map(countStrangersAllowed)).toEqual([8, 8, 256]);
  });
});

describe('settled guests that are quiet', () => {
  const settleAll = (callers: readonly Caller[]) => callers.forEach(({ guest }) => guest?.settle());

  it('stay while there is a place, however long they are quiet', () => {
    const { call, callMany, pass } = open(5);
    const quiet = callMany(4, '192.0.2.1');
    settleAll(quiet);
    pass(1000 * QUIET_MS);
    expect(call('192.0.2.2').guest).toBeDefined();
    expect(dropped(quiet)).toBe(0);
  });

  it('make room when the house is full, the quietest first', () => {
    const { call, callMany, pass } = open(3);
    const guests = callMany(3, '192.0.2.1');
    settleAll(guests);
    pass(1);
    guests[0]!.guest?.stir();
    pass(QUIET_MS - 2);
    expect(call('192.0.2.1').guest).toBeUndefined();
    pass(1);
    for (const place of [1, 2]) {
      call('192.0.2.1').guest?.settle();
      expect(guests[place]!.isDropped).toBe(true);
    }
    expect(guests[0]!.isDropped).toBe(false);
    expect(call('192.0.2.1').guest).toBeUndefined();
    pass(1);
    expect(call('192.0.2.1').guest).toBeDefined();
    expect(guests[0]!.isDropped).toBe(true);
  });

  it('keep their places as long as they stir now and then', () => {
    const { call, callMany, pass } = open(4);
    const busy = callMany(4, '192.0.2.1');
    settleAll(busy);
    for (let round = 0; round < 10; round++) {
      pass(QUIET_MS - 1);
      for (const { guest } of busy) guest?.stir();
      expect(call('192.0.2.1').guest).toBeUndefined();
    }
    expect(dropped(busy)).toBe(0);
  });

  it('do not all give way to a flood that says nothing', () => {
    const { callMany, pass } = open(100);
    const quiet = callMany(100, '192.0.2.1');
    settleAll(quiet);
    pass(QUIET_MS);
    callMany(500, '192.0.2.2');
    expect(dropped(quiet)).toBe(8);
  });

  it('leave places in which several newcomers can introduce themselves at once', () => {
    const { callMany, pass } = open(100);
    settleAll(callMany(100, '192.0.2.1'));
    pass(QUIET_MS);
    const newcomers = callMany(8, '192.0.2.2');
    expect(dropped(newcomers)).toBe(0);
  });
});

describe('settled guests that are busy, all from one network', () => {
  function fill(max: number) {
    const house = open(max);
    const guests = house.callMany(max, '192.0.2.1');
    for (const { guest } of guests) guest?.settle();
    const stirAll = () => guests.forEach(({ guest }) => guest?.stir());
    return { ...house, guests, stirAll };
  }

  it('make room for a newcomer of another network once it has settled, the one that stirred longest ago first', () => {
    const { call, pass, guests, stirAll } = fill(16);
    pass(1);
    stirAll();
    guests[0]!.guest?.stir();
    const newcomer = call('192.0.2.2');
    expect(dropped(guests)).toBe(0);
    newcomer.guest?.settle();
    expect(newcomer.isDropped).toBe(false);
    expect(guests.map(({ isDropped }) => isDropped)).toEqual(guests.map((_, at) => at === 1));
  });

  it('share the places with another network, and keep no fewer than the other has', () => {
    const { callMany, guests } = fill(16);
    const others = callMany(4, '192.0.2.2');
    for (const { guest } of others) guest?.settle();
    for (let round = 0; round < 10; round++) for (const { guest } of callMany(4, '192.0.2.2')) guest?.settle();
    expect(dropped(guests)).toBe(8);
    expect(dropped(others)).toBe(0);
  });

  it('give nothing up to callers that do not settle, however many there are, and from how many networks', () => {
    const { call, pass, guests, callers } = fill(16);
    for (let n = 0; n < 500; n++) {
      call(`198.51.100.${n % 250}`).guest?.speak();
      pass(10);
    }
    expect(dropped(guests)).toBe(0);
    expect(callers.filter(({ guest, isDropped }) => guest && !isDropped).length).toBeLessThanOrEqual(16 + countFew(16));
  });

  it('do not displace a newcomer of another network that introduces itself', () => {
    const { call, callMany, pass } = fill(16);
    const newcomer = call('192.0.2.2');
    callMany(100, '192.0.2.1');
    newcomer.guest?.speak();
    pass(5_000);
    callMany(100, '192.0.2.1');
    expect(newcomer.isDropped).toBe(false);
  });

  it('do not take the last place from a newcomer of another network that introduces itself', () => {
    const { call, callMany, guests, pass } = fill(16);
    guests[0]!.guest?.release();
    const newcomer = call('192.0.2.2');
    newcomer.guest?.speak();
    pass(5_000);
    for (const { guest } of callMany(100, '192.0.2.1')) guest?.speak();
    expect(newcomer.isDropped).toBe(false);
    newcomer.guest?.settle();
    expect(newcomer.isDropped).toBe(false);
  });

  it('each from a network of its own, give nothing up', () => {
    const { call, callers } = open(16);
    for (let n = 0; n < 16; n++) call(`192.0.2.${n}`).guest?.settle();
    expect(call('198.51.100.1').guest).toBeUndefined();
    expect(dropped(callers)).toBe(0);
  });
});

it('never has more inside than there is room for, and drops nobody who has left, or has settled, is not quiet and has no more than its share', () => {
  const step = fc.record({
    act: fc.constantFrom('call', 'speak', 'settle', 'stir', 'release', 'wait', 'rest'),
    host: fc.integer({ min: 1, max: 4 }),
    which: fc.nat(30),
  });
  fc.assert(
    fc.property(
      fc.array(step, { maxLength: 200 }),
      fc.integer({ min: 1, max: 12 }),
      fc.integer({ min: 1, max: 12 }),
      (steps, max, strangers) => {
        const { call, callers, pass } = open(max, strangers);
        /** With the time of their last stir. */
        const settled = new Map<Caller, number>();
        let time = 0;
        const gone = new Set<Caller>();
        for (const { act, host, which } of steps) {
          const caller = callers[which];
          const wasDropped = caller?.isDropped;
          const before = [...settled.keys()].filter((one) => !one.isDropped && !gone.has(one));
          const countOf = (one: Caller) =>
            before.filter(({ name }) => name.split(' ')[0] === one.name.split(' ')[0]).length;
          if (act === 'call') call(`192.0.2.${host}`);
          else if (act === 'wait' || act === 'rest') time = pass(act === 'wait' ? 700 : QUIET_MS / 2);
          else if (caller?.guest && !wasDropped && !gone.has(caller)) {
            caller.guest[act]();
            if (act === 'release') gone.add(caller);
            else if (act === 'settle' ? !settled.has(caller) : act === 'stir' && settled.has(caller))
              settled.set(caller, time);
          }
          const inside = callers.filter((one) => one.guest && !one.isDropped && !gone.has(one));
          expect(inside.length).toBeLessThanOrEqual(max + countFew(max));
          expect(inside.filter((one) => settled.has(one)).length).toBeLessThanOrEqual(max);
          for (const one of gone) expect(one.isDropped).toBe(false);
          for (const one of before) {
            if (!one.isDropped || time - settled.get(one)! >= QUIET_MS) continue;
            expect(act).toBe('settle');
            expect(countOf(one)).toBeGreaterThan(countOf(caller!) + 1);
          }
        }
      },
    ),
  );
});

it.each([
  ['192.0.2.7', '192.0.2.7'],
  ['2001:db8::7', '2001:db8:0:0::/64'],
  ['2001:db8:1:2:3:4:5:6', '2001:db8:1:2::/64'],
  ['2001:db8:1:2:3:4:5:7', '2001:db8:1:2::/64'],
  ['2001:db8:1:2::', '2001:db8:1:2::/64'],
  ['::1', '0:0:0:0::/64'],
  ['1::2:3:4:5:6:7', '1:0:2:3::/64'],
  ['fe80::1%eth0', 'fe80:0:0:0::/64'],
  ['unknown', 'unknown'],
])('the network of %s is %s', (host, network) => {
  expect(networkOf(host)).toBe(network);
});
