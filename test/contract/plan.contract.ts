/** What the Plan of every Sink promises: that what it says is what then happens. */
import { describe, expect, it } from 'vitest';
import { FtxError } from '../../src/core/errors.js';
import type { Entry } from '../../src/core/entry.js';
import type { Outlook, Sink } from '../../src/core/sink.js';
import {
  offerDirectory,
  offerFile,
  offerLink,
  PROOF,
  receiveFile,
  refusal,
  type SinkContract,
} from './sink.contract.js';

const POLICIES = ['rename', 'overwrite', 'skip', 'fail'] as const;
const OLD = Buffer.from('old');

/** Beside what is there: the file `d/f` (3 bytes), the folder `d/d` and the link `d/l` to `x`. */
const OFFERS: readonly Entry[] = [
  offerFile('d/new', 3),
  offerFile('d/new', null),
  offerFile('new', 3),
  offerFile('no/new', 3),
  offerFile('d/f/x', 3),
  offerFile('d/l/x', 3),
  offerFile('d/f', 3),
  offerFile('d/f', 3, { mtimeNs: 0n }),
  offerFile('d/f', 4),
  offerFile('d/f', null),
  offerFile('d/d', 3),
  offerFile('d/l', 3),
  offerDirectory('d/new'),
  offerDirectory('d/d'),
  offerDirectory('d/f'),
  offerDirectory('d/l'),
  offerDirectory('no/new'),
  offerDirectory('d/f/x'),
  offerLink('d/new', 'x'),
  offerLink('d/l', 'x'),
  offerLink('d/l', 'y'),
  offerLink('d/f', 'x'),
  offerLink('d/d', 'x'),
  offerLink('d/new', '../x'),
  offerFile('../x', 3),
  offerFile('CON', 3),
  offerFile('huge', 100),
];
const describeOffer = ({ kind, path, size, mtimeNs, target }: Entry) => `${kind} ${path} ${target ?? size} ${mtimeNs}`;

type Ending = Omit<Outlook, 'offset'> | { readonly code: string };

async function orCode(work: () => Promise<Ending>): Promise<Ending> {
  try {
    return await work();
  } catch (error) {
    if (error instanceof FtxError) return { code: error.code };
    throw error;
  }
}

export function describePlan<Store>(name: string, contract: SinkContract<Store>): void {
  async function start(onConflict: (typeof POLICIES)[number]) {
    const store = await contract.makeStore();
    const planter = await contract.makeSink(store, { onConflict, maxSize: 50 });
    await receiveFile(planter, 'd/f', OLD, contract.toMemory);
    await planter.place(offerDirectory('d/d'));
    await planter.place(offerLink('d/l', 'x'));
    return { store, sink: await contract.makeSink(store, { onConflict, maxSize: 50 }) };
  }

  /** What becomes of it in fact. */
  async function carryOut(store: Store, sink: Sink, offer: Entry): Promise<Ending> {
    const before = await contract.readNames(store);
    const isThere = before.includes(offer.path);
    const wasSame = isThere && (offer.kind === 'directory' || (offer.path === 'd/l' && offer.target === 'x'));
    const { as } = offer.kind === 'file' ? await receive(sink, offer) : await sink.place(offer);
    if (as === undefined || (wasSame && as === offer.path)) return { fate: 'already' };
    if (as !== offer.path) return { fate: 'rename', as };
    return { fate: isThere ? 'replace' : 'new' };
  }

  async function receive(sink: Sink, offer: Entry): Promise<{ as: string | undefined }> {
    const opened = await sink.open(offer, PROOF);
    if (opened.state !== 'part') return { as: undefined };
    const content = Buffer.alloc(offer.size ?? 3, 'x');
    await opened.write(contract.toMemory?.(content) ?? content, 0);
    return opened.commit(content.length);
  }

  describe.each(POLICIES)(`a plan of ${name} with %s`, (policy) => {
    it.each(OFFERS.map((offer) => [describeOffer(offer), offer] as const))(
      'foresees what becomes of %s',
      async (_, offer) => {
        const { store, sink } = await start(policy);
        const names = await contract.readNames(store);
        const plan = sink.plan(true);
        const foreseen = await orCode(async () => {
          const { offset, ...outlook } = await plan.add(offer);
          expect(offset).toBe(0);
          return outlook;
        });
        plan.close();
        expect(await contract.readNames(store)).toEqual(names);
        expect(foreseen).toEqual(await orCode(() => carryOut(store, sink, offer)));
      },
    );
  });

  describe(`a plan of ${name}`, () => {
    it('adds up what would have to come', async () => {
      const { sink } = await start('rename');
      const plan = sink.plan(false);
      for (const offer of [
        offerFile('d/f', 3),
        offerFile('g', 7),
        offerFile('s', null),
        offerFile('h', 5),
        offerDirectory('d'),
      ])
        await plan.add(offer);
      await expect(plan.add(offerFile('huge', 100))).rejects.toThrow(refusal('too-large'));
      expect(await plan.total()).toMatchObject({ needed: 12 });
      plan.close();
    });
  });
}
