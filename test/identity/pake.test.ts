import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createProver, createVerifier, type Parties } from '../../src/identity/pake.js';

const CODE = '48219377';
const PARTIES: Parties = {
  sender: `sha256:${'a'.repeat(64)}`,
  receiver: `sha256:${'b'.repeat(64)}`,
  binding: Buffer.alloc(32, 1),
};

/** Both sides, each with what it believes. */
async function pair(sender: { code?: string; parties?: Partial<Parties> } = {}, tamper = (text: string) => text) {
  const prover = await createProver(sender.code ?? CODE, { ...PARTIES, ...sender.parties });
  const verifier = await createVerifier(CODE, PARTIES, prover.request);
  const proof = prover.finish(tamper(verifier!.answer));
  return { proof, accepted: proof !== undefined && verifier!.accepts(proof), verifier: verifier! };
}

describe('two sides that know the same code', () => {
  it('prove it to each other', async () => {
    expect(await pair()).toMatchObject({ accepted: true });
  });

  it.each<[string, Partial<Parties>]>([
    ['another sender', { sender: `sha256:${'c'.repeat(64)}` }],
    ['another receiver', { receiver: `sha256:${'c'.repeat(64)}` }],
    ['another connection', { binding: Buffer.alloc(32, 2) }],
  ])('do not when one of them sees %s', async (_, parties) => {
    expect((await pair({ parties })).proof).toBeUndefined();
  });

  it('never send the same message twice', async () => {
    const [one, two] = [await pair(), await pair()];
    expect(one.proof).not.toBe(two.proof);
    expect(two.verifier.accepts(one.proof!)).toBe(false);
  });
});

describe('a side that does not know the code', () => {
  it('gets no proof from the sender', async () => {
    expect((await pair({ code: '00000000' })).proof).toBeUndefined();
  });

  it.each([(text: string) => text.slice(4), (text: string) => `AAAA${text.slice(4)}`, () => '', () => 'A'.repeat(427)])(
    'does not make a sender believe a changed answer (%#)',
    async (tamper) => {
      expect((await pair({}, tamper)).proof).toBeUndefined();
    },
  );

  it('does not make a receiver believe a made-up proof', async () => {
    const { verifier } = await pair();
    for (const proof of ['', 'A', 'A'.repeat(86), '!']) expect(verifier.accepts(proof)).toBe(false);
  });

  it.each(['', 'AAAA', 'A'.repeat(128), '_'.repeat(1024)])(
    'does not break a receiver by asking %j',
    async (request) => {
      expect(await createVerifier(CODE, PARTIES, request)).toBeUndefined();
    },
  );
});

/** A text with a letter changed, left out or replaced by what is no base64url, or cut off there. What is only appended is ignored. */
const damage = fc
  .record({ at: fc.nat(500), cut: fc.boolean(), by: fc.constantFrom('A', '_', '-', '8', '', '=', 'é', '\0') })
  .map(({ at, cut, by }) => (text: string) => {
    const where = at % text.length;
    return text.slice(0, where) + by + (cut ? '' : text.slice(where + 1));
  });

it('nothing that is changed on the way is believed, or breaks the next who are right', async () => {
  await fc.assert(
    fc.asyncProperty(damage, async (change) => {
      const prover = await createProver(CODE, PARTIES);
      const asked = await createVerifier(CODE, PARTIES, change(prover.request));
      if (asked && change(prover.request) !== prover.request) expect(prover.finish(asked.answer)).toBeUndefined();
      const verifier = (await createVerifier(CODE, PARTIES, prover.request))!;
      const changed = change(verifier.answer);
      if (changed !== verifier.answer) expect(prover.finish(changed)).toBeUndefined();
      const proof = prover.finish(verifier.answer)!;
      if (change(proof) !== proof) expect(verifier.accepts(change(proof))).toBe(false);
      expect(verifier.accepts(proof)).toBe(true);
    }),
    { numRuns: 60 },
  );
});
