/** Peers that know the rules, so that they get far before they break one. */
import { digestBlock } from '../../src/core/checksum.js';
import { BLOCK_BYTES } from '../../src/core/entry.js';
import { HEADER_BYTES } from '../../src/protocol/constants.js';
import { forgeData, forgeEntry, forgeFrame, forgeJson, forgePack } from '../support/forge.js';
import type { Dice } from './dice.js';
import { digestOf } from './harness.js';

export interface Player {
  /** Takes note of a frame of the other side. */
  hear(frame: Buffer): void;
  /** What the rules allow next. */
  move(): Buffer;
  /** The highest id so far. */
  lastId(): number;
}

const GOODBYE = forgeFrame(11, 0, new Uint8Array());
const PING = forgeFrame(10, 0, new Uint8Array());
const FRAME = {
  offer: 2,
  ready: 3,
  data: 4,
  end: 5,
  stored: 6,
  refused: 7,
  again: 8,
  error: 9,
  status: 12,
  have: 13,
  check: 14,
  checked: 15,
  pack: 18,
  packed: 19,
} as const;

function parse(frame: Buffer): { type: number; id: number; json: Record<string, unknown> } {
  const type = frame.readUInt8(0);
  const isJson = type !== FRAME.data && type !== FRAME.have && type !== FRAME.pack && frame.length > HEADER_BYTES;
  const json = isJson ? (JSON.parse(frame.toString('utf8', HEADER_BYTES)) as Record<string, unknown>) : {};
  return { type, id: frame.readUInt32BE(4), json };
}

interface Outgoing {
  readonly id: number;
  readonly content: Uint8Array;
  readonly due: number[];
  ended: boolean;
}

/** Offers files, folders and links, and sends what is asked for, damaged at times. */
export function createSenderPlayer(dice: Dice): Player {
  const offered = new Map<number, Uint8Array>();
  const open = new Map<number, Outgoing>();
  let lastId = 0;
  /** Whether all offers are for one name, so that several entries of it are open at once. */
  const isCrowd = dice.chance(0.4);

  function offer(): Buffer {
    lastId += 1;
    const kind = dice.pick(['file', 'file', 'file', 'file', 'directory', 'symlink']);
    const length = dice.chance(0.05)
      ? BLOCK_BYTES + dice.below(3)
      : dice.pick(isCrowd ? [0, 5] : [0, 5, 5, dice.below(2000)]);
    // Files of one size and time that differ, so that what is taken for the same file often is another one.
    const content = length === 5 ? Buffer.from(dice.pick(['hello', 'other'])) : new Uint8Array(length).fill(lastId);
    if (kind === 'file') offered.set(lastId, content);
    const size = kind === 'file' ? (dice.chance(0.15) ? undefined : String(length)) : '0';
    const path = isCrowd ? 'a' : dice.pick(['a', 'b', 'd/a', 'd/e/f', 'd', `new ${lastId}`, `new ${lastId}`]);
    return forgeJson(FRAME.offer, lastId, {
      path,
      kind,
      size,
      mtime: '0',
      mode: '644',
      ...(kind === 'symlink' && { target: 'x' }),
    });
  }

  /** Ids of packs that have not been answered, and of their last entries. */
  const packs = new Map<number, number>();

  /** Files of which any may be there, or come twice. Some arrive damaged. */
  function pack(): Buffer {
    const id = lastId + 1;
    const entries = Array.from({ length: 1 + dice.below(5) }, () => {
      lastId += 1;
      const content = Buffer.from(dice.pick(['', 'hello', 'other']));
      const path = isCrowd ? 'a' : dice.pick(['a', 'b', 'd/a', `new ${lastId}`, `new ${lastId}`, '../a']);
      const json = { path, kind: 'file', size: `${content.length}`, mtime: '0', mode: '644' };
      const entry = forgeEntry(json, content);
      if (dice.chance(0.03)) entry[dice.below(entry.length)]! ^= 1;
      return entry;
    });
    packs.set(id, lastId);
    return forgePack(id, entries);
  }

  function sendBlock({ id, content, due }: Outgoing): Buffer {
    const offset = due.shift() ?? 0;
    const block = content.subarray(offset, offset + BLOCK_BYTES);
    return forgeData(id, BigInt(offset), dice.chance(0.05) ? 1n : digestBlock(block), block);
  }

  function advance(entry: Outgoing): Buffer {
    if (entry.due.length > 0) return sendBlock(entry);
    if (entry.ended) return PING;
    entry.ended = true;
    const digest = dice.chance(0.05) ? '0000000000000000' : digestOf(entry.content);
    return forgeJson(FRAME.end, entry.id, { digest, size: String(entry.content.length) });
  }

  /** Before the first offer, in parts. */
  let listed = dice.chance(0.4) ? 0 : 3;

  function list(): Buffer {
    listed = dice.chance(0.4) ? 3 : listed + 1;
    const entry = (path: string) => ({ path, kind: 'file', size: '5', mtime: '0', mode: '644' });
    const entries = Array.from({ length: 1 + dice.below(5) }, () =>
      entry(dice.pick(['a', 'b', 'd/a', '../a', `new ${dice.below(99)}`])),
    );
    return forgeJson(FRAME.check, 0, { entries, last: listed === 3 || undefined, dry: dice.chance(0.3) || undefined });
  }

  return {
    lastId: () => lastId,
    hear(frame) {
      const { type, id, json } = parse(frame);
      const content = offered.get(id);
      if (type === FRAME.ready && content) {
        const from = Number(json['offset']);
        const due = Array.from({ length: Math.ceil(content.length / BLOCK_BYTES) }, (_, block) => block * BLOCK_BYTES);
        open.set(id, { id, content, ended: false, due: due.filter((offset) => offset >= from) });
      } else if (type === FRAME.packed) packs.delete(id);
      else if (type === FRAME.again) open.get(id)?.due.push(Number(json['offset']));
      else if (type === FRAME.stored || type === FRAME.refused || type === FRAME.error) {
        open.delete(id);
        offered.delete(id);
      }
    },
    move() {
      if (listed < 3) return list();
      const entries = [...open.values()];
      if (entries.length > 0 && dice.chance(isCrowd ? 0.5 : 0.75)) return advance(dice.pick(entries));
      if (dice.chance(0.04)) return GOODBYE;
      if (entries.length > 0 && dice.chance(0.1)) {
        const { id } = dice.pick(entries);
        open.delete(id);
        return forgeJson(FRAME.error, id, { code: 'changed', message: 'It changed.' });
      }
      const isFull = offered.size + packs.size >= 4;
      if (!isFull && dice.chance(0.2)) return pack();
      return isFull ? PING : offer();
    },
  };
}

interface Incoming {
  readonly id: number;
  readonly kind: string;
  readonly size: number;
  state: 'offered' | 'ready' | 'ended';
  asked: number;
}

/** Is ready for what is offered, says that it is stored once all has come, asks for blocks again, refuses and fails at times. */
export function createReceiverPlayer(dice: Dice): Player {
  const open = new Map<number, Incoming>();
  /** Lists that wait for their verdicts. */
  const lists: { readonly length: number; readonly last: boolean }[] = [];

  function judge({ length, last }: (typeof lists)[number]): Buffer {
    const indexes = Array.from({ length }, (_, index) => index).filter(() => dice.chance(0.3));
    const verdicts = indexes.map((index) => ({ index, fate: 'refused', code: 'exists', message: 'It is there.' }));
    const cut = dice.chance(0.2) ? dice.below(verdicts.length) : 0;
    const room = last ? { needed: '5', free: dice.pick([null, '7']) } : undefined;
    const rest = forgeJson(FRAME.checked, 0, { verdicts: verdicts.slice(cut), end: true, room });
    return cut > 0 ? Buffer.concat([forgeJson(FRAME.checked, 0, { verdicts: verdicts.slice(0, cut) }), rest]) : rest;
  }

  let lastId = 0;
  /** Packs that wait for their answer. */
  const packs: { readonly id: number; readonly count: number }[] = [];

  /** Answers some entries by themselves, and then the pack. */
  function answerPack({ id, count }: (typeof packs)[number]): Buffer {
    const answers: Buffer[] = [];
    for (let entry = id; entry < id + count; entry++) {
      if (dice.chance(0.1))
        answers.push(forgeJson(FRAME.stored, entry, { as: 'somewhere', already: dice.chance(0.5) }));
      if (dice.chance(0.1)) answers.push(forgeJson(FRAME.refused, entry, { code: 'exists', message: 'It is there.' }));
      if (dice.chance(0.1))
        answers.push(forgeJson(FRAME.error, entry, { code: 'busy', message: 'Later.', follow: dice.chance(0.7) }));
    }
    if (dice.chance(0.1)) answers.push(forgeJson(FRAME.again, id + dice.below(count), { offset: '0' }));
    return Buffer.concat([...answers, forgeJson(FRAME.packed, id, {})]);
  }

  function beReady(entry: Incoming): Buffer {
    entry.state = 'ready';
    const { id, size } = entry;
    if (size > 0 && dice.chance(0.15)) return forgeJson(FRAME.ready, id, { offset: String(size) });
    if (size > 0 && dice.chance(0.1)) {
      const blocks = Math.ceil(size / BLOCK_BYTES);
      return Buffer.concat([
        forgeJson(FRAME.ready, id, { offset: String(size), have: true }),
        forgeFrame(FRAME.have, id, dice.bytes(8 * blocks)),
      ]);
    }
    return forgeJson(FRAME.ready, id, { offset: '0' });
  }

  function answer(entry: Incoming): Buffer {
    const { id } = entry;
    if (dice.chance(0.1)) {
      open.delete(id);
      return forgeJson(dice.pick([FRAME.refused, FRAME.error]), id, { code: 'no-space', message: 'The disk is full.' });
    }
    if (entry.kind === 'file' && entry.state === 'offered') return beReady(entry);
    if (entry.kind !== 'file' || entry.state === 'ended') {
      if (entry.kind === 'file' && entry.size > 0 && entry.asked < 3 && dice.chance(0.2)) {
        entry.asked += 1;
        return forgeJson(FRAME.again, id, { offset: '0' });
      }
      open.delete(id);
      return forgeJson(FRAME.stored, id, { as: 'somewhere', shares: { network: 1, disk: 2, cpu: 97 } });
    }
    return PING;
  }

  return {
    lastId: () => lastId,
    hear(frame) {
      const { type, id, json } = parse(frame);
      const entry = open.get(id);
      if (type === FRAME.check)
        lists.push({ length: (json['entries'] as unknown[]).length, last: json['last'] === true });
      if (type === FRAME.pack) {
        const count = frame.readUInt32BE(HEADER_BYTES);
        lastId = id + count - 1;
        packs.push({ id, count });
      }
      if (type === FRAME.offer) {
        lastId = id;
        open.set(id, { id, kind: String(json['kind']), size: Number(json['size'] ?? 0), state: 'offered', asked: 0 });
      } else if (type === FRAME.end && entry) entry.state = 'ended';
      else if (type === FRAME.error) open.delete(id);
    },
    move() {
      const list = lists.shift();
      if (list) return judge(list);
      const pack = dice.chance(0.7) ? packs.shift() : undefined;
      if (pack) return answerPack(pack);
      const entries = [...open.values()];
      if (entries.length > 0 && dice.chance(0.9)) return answer(dice.pick(entries));
      return entries.length === 0 && dice.chance(0.3) ? GOODBYE : PING;
    },
  };
}
