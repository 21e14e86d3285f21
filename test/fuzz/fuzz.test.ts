/**
 * Both sides of a session under random attack, for a few seconds by default:
 * FTX_FUZZ_SECONDS gives each attack longer, FTX_FUZZ_SEED begins with the
 * attack that a failure named.
 */
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { measureMemory } from '../support/heap.js';
import * as attacks from './attacks.js';
import { createDice, type Dice } from './dice.js';

const SECONDS = Number(process.env['FTX_FUZZ_SECONDS'] ?? 1.5);
const SEED = process.env['FTX_FUZZ_SEED'];
const MAX_GROWTH_BYTES = 64 * 1024 * 1024;
const CHECK_EVERY = 500;

const now = performance.now.bind(performance);
const strays: unknown[] = [];
const stray = (error: unknown): void => void strays.push(error);

beforeEach(() => {
  process.on('unhandledRejection', stray);
  process.on('uncaughtException', stray);
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'setInterval', 'clearInterval', 'performance', 'Date'] });
});
afterEach(() => {
  vi.useRealTimers();
  process.off('unhandledRejection', stray);
  process.off('uncaughtException', stray);
});

async function attackOnce(attack: (dice: Dice) => Promise<void>, seed: number): Promise<void> {
  try {
    await attack(createDice(seed));
    await new Promise(setImmediate);
    if (strays.length > 0) throw strays.splice(0)[0];
    expect(vi.getTimerCount()).toBe(0);
  } catch (error) {
    throw new Error(`The attack with FTX_FUZZ_SEED=${seed} came through.`, { cause: error });
  } finally {
    vi.clearAllTimers();
  }
}

describe('nothing comes of an attack on', () => {
  it.each([
    ['a receiver', attacks.attackReceiver],
    ['a sender', attacks.attackSender],
    ['what both say to each other', attacks.attackBoth],
    ['a classic receiver', attacks.attackClassicReceiver],
    ['a classic sender', attacks.attackClassicSender],
  ] as const)('%s', { timeout: 60_000 + 2_000 * SECONDS }, async (_, attack) => {
    const first = SEED === undefined ? (Math.random() * 2 ** 31) | 0 : Number(SEED);
    const deadline = now() + 1000 * SECONDS;
    let before = 0;
    let seed = first;
    for (; now() < deadline; seed++) {
      await attackOnce(attack, seed);
      if (seed === first + 20) before = measureMemory();
      if (before > 0 && (seed - first) % CHECK_EVERY === 0)
        expect(measureMemory() - before).toBeLessThan(MAX_GROWTH_BYTES);
    }
    expect(measureMemory() - before).toBeLessThan(MAX_GROWTH_BYTES);
    if (process.env['FTX_FUZZ_SECONDS']) console.log(`${seed - first} attacks on ${_}`);
  });
});
