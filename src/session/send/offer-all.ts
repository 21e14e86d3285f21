/** The loop that offers: small files in packs, if the receiver takes packs, and everything else by itself. */
import type { Source } from '../../core/source.js';
import type { Condition } from './condition.js';
import type { OutgoingEntries } from './outgoing-entries.js';
import type { OutgoingPacks } from './outgoing-packs.js';

/** Offers one source after the other, in order, and resolves when all are at their end. `packs`: undefined for a receiver that takes none. */
export async function offerAll(
  sources: AsyncIterable<Source>,
  entries: OutgoingEntries,
  changed: Condition,
  packs: OutgoingPacks | undefined,
): Promise<void> {
  for await (const source of sources) {
    if (await packs?.add(source)) continue;
    await packs?.flush();
    await entries.offer(source);
  }
  await packs?.flush();
  await changed.until(() => entries.isEmpty);
  entries.finish();
}
