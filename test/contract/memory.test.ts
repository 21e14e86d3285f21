import { createMemorySink, type MemorySink, type MemoryEntry } from '../support/memory-sink.js';
import { createMemorySource } from '../support/memory-source.js';
import { describePlan } from './plan.contract.js';
import { describeSink, type SinkContract } from './sink.contract.js';
import { describeSource } from './source.contract.js';

function find<Kind extends MemoryEntry['kind']>(store: MemorySink, path: string, kind: Kind) {
  const entry = store.entries.get(path);
  if (entry?.kind !== kind) throw new Error(`${path} is no ${kind}`);
  return entry as Extract<MemoryEntry, { kind: Kind }>;
}

const inMemory: SinkContract<MemorySink> = {
  makeStore: () => createMemorySink(),
  makeSink: (store, options) => createMemorySink({ ...options, entries: store.entries }),
  readNames: (store) => [...store.entries.keys()].sort(),
  readFile: (store, path) => find(store, path, 'file').content,
  readTarget: (store, path) => find(store, path, 'symlink').target,
  readAttributes: (store, path) => {
    const entry = store.entries.get(path);
    if (!entry || entry.kind === 'symlink') throw new Error(`${path} has no attributes`);
    return Promise.resolve({ mode: entry.mode, mtimeNs: entry.mtimeNs });
  },
};
describeSink('the memory sink', inMemory);
describePlan('the memory sink', inMemory);

describeSource('the memory source', {
  repeatable: true,
  make: (content) => createMemorySource('x', content),
});
describeSource('the memory stream', {
  repeatable: false,
  make: (content) => createMemorySource('x', content, { size: null }),
});
