import { expect, it } from 'vitest';
import { describeOldNode, describeVersion } from '../../src/cli/node-version.js';
import { VERSION } from '../../src/core/version.js';

it('the version stands alone on the first line, and the supported versions of Node on the second', () => {
  expect(describeVersion('22.1.0').split('\n')).toEqual([
    VERSION,
    'runs on Node 22.1.0; supported are Node 20.19 and newer, tested are 20, 22, 24 and 26',
  ]);
});

it.each(['16.20.2', '18.20.8', '20.18.3'])('Node %s is too old, in one sentence', (node) => {
  expect(describeOldNode(node)).toBe(`ftx: Node ${node} is too old: ftx needs Node 20.19 or newer.`);
});

it.each(['20.19.0', '20.20.2', '22.12.0', '26.1.0', '27.0.0-nightly'])('Node %s is not too old', (node) => {
  expect(describeOldNode(node)).toBeUndefined();
});
