import { afterEach, describe, expect, it } from 'vitest';
import type { Connection } from '../../src/core/connection.js';

const reason = new Error('the test dropped it');
const bytes = (text: string) => new TextEncoder().encode(text);

/** Its own wait may end with the connection's, after all has arrived. */
function say(connection: Connection, ...parts: string[]): void {
  connection.write(parts.map(bytes)).catch(() => undefined);
}

async function readText(connection: Connection, length: number): Promise<string> {
  let text = '';
  while (text.length < length) {
    const part = await connection.read();
    if (!part) break;
    text += Buffer.from(part).toString();
  }
  return text;
}

/** What every Connection must hold to; `make` gives two joined ends. */
export function describeConnection(name: string, make: () => Promise<readonly [Connection, Connection]>): void {
  describe(`${name} as a Connection`, () => {
    const made: Connection[] = [];
    async function open(): Promise<readonly [Connection, Connection]> {
      const pair = await make();
      made.push(...pair);
      return pair;
    }
    afterEach(() => {
      for (const connection of made.splice(0)) connection.destroy(reason);
    });

    it('carries parts in order, both ways', async () => {
      const [left, right] = await open();
      say(left, 'a', 'b');
      say(left, 'c');
      say(right, 'xyz');
      expect(await readText(right, 3)).toBe('abc');
      expect(await readText(left, 3)).toBe('xyz');
    });

    it('lets the memory of a write be reused once it resolves', async () => {
      const [left, right] = await open();
      const part = bytes('first');
      const writing = left.write([part]).then(() => part.fill(0));
      expect(await readText(right, 5)).toBe('first');
      await writing;
    });

    it('ends with undefined, again and again, and can still be written to', async () => {
      const [left, right] = await open();
      say(left, 'last');
      left.end();
      expect(await readText(right, 4)).toBe('last');
      expect(await right.read()).toBeUndefined();
      expect(await right.read()).toBeUndefined();
      say(right, 'answer');
      expect(await readText(left, 6)).toBe('answer');
    });

    it('reads to where the bytes belong, tells of them as they come, and keeps the others', async () => {
      const [left, right] = await open();
      const target = new Uint8Array(6);
      const arrived: number[] = [];
      const fill = async () => {
        for (let filled = 0; filled < target.length;)
          filled += await right.readInto(target.subarray(filled), (bytes) => arrived.push(bytes));
      };
      say(left, 'abc');
      const filling = fill();
      say(left, 'defgh', 'ij');
      await filling;
      expect(Buffer.from(target).toString()).toBe('abcdef');
      expect(arrived.reduce((sum, bytes) => sum + bytes, 0)).toBe(6);
      expect(await readText(right, 4)).toBe('ghij');
    });

    it('reads into memory what is there when the peer ends, and then nothing', async () => {
      const [left, right] = await open();
      say(left, 'last');
      left.end();
      const target = new Uint8Array(6);
      const ignore = () => undefined;
      let filled = 0;
      for (let read; (read = await right.readInto(target.subarray(filled), ignore)) > 0;) filled += read;
      expect(Buffer.from(target).toString()).toBe('last\0\0');
      expect(await right.readInto(target, ignore)).toBe(0);
    });

    it('leaves memory alone once it is destroyed', async () => {
      const [left, right] = await open();
      const target = new Uint8Array(6);
      const waiting = right.readInto(target, () => undefined);
      right.destroy(reason);
      await expect(waiting).rejects.toBe(reason);
      // Its own wait may end with the connection's.
      await left.write([bytes('late')]).catch(() => undefined);
      await new Promise(setImmediate);
      expect([...target]).toEqual(Array(6).fill(0));
    });

    it('holds a write back while nobody reads', async () => {
      const [left, right] = await open();
      const block = new Uint8Array(1024 * 1024);
      let written = 0;
      const writer = (async () => {
        for (; written < 64; written++) await left.write([block]);
        left.end();
      })();
      await new Promise(setImmediate);
      await new Promise(setImmediate);
      expect(written).toBeLessThan(64);
      let read = 0;
      for (let part = await right.read(); part; part = await right.read()) read += part.length;
      await writer;
      expect(read).toBe(64 * block.length);
    });

    it('rejects a waiting read, and every later wait, with the first reason', async () => {
      const [left] = await open();
      const waiting = left.read();
      left.destroy(reason);
      left.destroy(new Error('later'));
      await expect(waiting).rejects.toBe(reason);
      await expect(left.read()).rejects.toBe(reason);
      await expect(left.write([bytes('x')])).rejects.toBe(reason);
    });

    it('rejects a waiting write with the reason', async () => {
      const [left] = await open();
      const writes = Promise.all(Array.from({ length: 64 }, () => left.write([new Uint8Array(1024 * 1024)])));
      left.destroy(reason);
      await expect(writes).rejects.toBe(reason);
    });

    it('still delivers what was written before it was destroyed', async () => {
      const [left, right] = await open();
      right.write([bytes('pushBack')]).catch(() => undefined);
      // Its own wait is over with the rest.
      left.write([bytes('last words')]).catch(() => undefined);
      left.destroy(reason);
      expect(await readText(right, 10)).toBe('last words');
    });
  });
}
