/** Keeps names in the order in which they come. */
export interface NameList {
  add(name: string): void;
  /** All names, the first one first. Throws what the system throws. */
  names(): AsyncIterable<string>;
  /** Safe to call more than once. */
  close(): void;
}

/** Keeps them in memory. */
export function createNameList(): NameList {
  const list: string[] = [];
  return {
    add: (name) => void list.push(name),
    async *names() {
      for (const name of list) yield await Promise.resolve(name);
    },
    close: () => undefined,
  };
}
