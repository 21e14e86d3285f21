import { expect, it } from 'vitest';
import { countSendersAffordable } from '../../src/storage/descriptors.js';

const limitsOf = (files: string) => () => `Limit                     Soft Limit           Hard Limit           Units
Max file size             unlimited            unlimited            bytes
Max open files            ${files}                 20000                files
Max locked memory         8388608              8388608              bytes
`;

it.each([
  ['64', 8],
  ['1024', 488],
  ['1048576', 524264],
  ['16', 4],
  ['unlimited', Infinity],
])('with %s descriptors there is room for %i senders', (limit, senders) => {
  expect(countSendersAffordable(limitsOf(limit))).toBe(senders);
});

it('where the system does not tell, there is no limit', () => {
  expect(countSendersAffordable(() => '')).toBe(Infinity);
});
