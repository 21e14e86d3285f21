/** The version in package.json; test/version.test.ts holds them together. */
export const VERSION = '0.1.0';

/** The oldest Node that ftx runs on, and the majors it is tested under: `engines` in package.json, and .ci/run. */
export const OLDEST_NODE = '20.19';
export const TESTED_NODES = [20, 22, 24, 26] as const;
