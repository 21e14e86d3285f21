/** What a file takes of its disk as it is written. Zeros that are left out of it take room when they are filled later. */
export interface Growth {
  /** Bytes that it takes by now. */
  readonly taken: number;
  /** Notes `length` bytes that end at offset `to`, of which `zeros` are left out. Returns how many bytes more the file takes. */
  add(to: number, length: number, zeros?: number): number;
}

/** `cost`: bytes that a file of so many bytes takes. `end`: the bytes that are there already, `hollow` of them left out. */
export function createGrowth(cost: (bytes: number) => number, end: number, hollow: number): Growth {
  let asked = end > 0 ? cost(end) : 0;
  let left = Math.min(hollow, asked);
  return {
    get taken() {
      return asked - left;
    },
    add(to, length, zeros = 0) {
      const grown = Math.max(0, cost(to) - asked);
      asked += grown;
      const leftOut = Math.min(zeros, grown);
      // Which places are hollow is not known: what is written again may be counted twice, until the folder is counted.
      const filled = grown > 0 ? 0 : Math.min(length - zeros, left);
      left += leftOut - filled;
      return grown - leftOut + filled;
    },
  };
}
