import { createMemoryInbox, createMemoryStore, type MemoryStore } from '../support/memory-inbox.js';
import type { MemoryEntry } from '../support/memory-sink.js';
import { describeInbox, type InboxContract } from './inbox.contract.js';
import { createMemorySource } from '../support/memory-source.js';

import { describeSource } from './source.contract.js';

function find<Kind extends MemoryEntry['kind']>(store: MemoryStore, path: string, kind: Kind) {
  const entry = store.entries.get(path);
  if (entry?.kind !== kind) throw new Error(`${path} is no ${kind}`);
  return entry as Extract<MemoryEntry, { kind: Kind }>;
}

const inMemory: InboxContract<MemoryStore> = {
  makeStore: createMemoryStore,
  openInbox: (store, { maxSize }) => createMemoryInbox(store, maxSize),
  readNames: (store) => [...store.entries.keys()].sort(),
  readFile: (store, path) => find(store, path, 'file').content,
  readTarget: (store, path) => find(store, path, 'symlink').target,
  readAttributes: (store, path) => {
    const entry = store.entries.get(path);
    if (!entry || entry.kind === 'symlink') throw new Error(`${path} has no attributes`);
    return Promise.resolve({ mode: entry.mode, mtimeNs: entry.mtimeNs });
  },
};
describeInbox('the memory inbox', inMemory);

describeSource('the memory source', {
  repeatable: true,
  make: (content) => createMemorySource('x', content),
});
describeSource('the memory stream', {
  repeatable: false,
  make: (content) => createMemorySource('x', content, { size: null }),
});
