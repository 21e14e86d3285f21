/** Where a folder is below a root. */

/** A path below the root, for each folder on the way. */
export interface Way {
  readonly root: string;
  readonly components: readonly string[];
}

/** What an entry is put on: the device of a folder, and a way to the folder. */
export interface Ground {
  readonly device: string;
  readonly way: Way;
}
