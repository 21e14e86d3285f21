import { expect, it } from 'vitest';
import { countOffersAffordable, countSendersAffordable, readDescriptorLimit } from '../../src/storage/descriptors.js';

const limitsOf = (files: string) => () => `Limit                     Soft Limit           Hard Limit           Units
Max file size             unlimited            unlimited            bytes
Max open files            ${files}                 20000                files
Max locked memory         8388608              8388608              bytes
`;

it.each([
  ['64', 8, 4],
  ['1024', 488, 244],
  ['1048576', 524264, 262132],
  ['16', 4, 4],
  ['unlimited', Infinity, Infinity],
])('with %s descriptors there is room for %i senders, and for %i entries of one', (limit, senders, offers) => {
  expect(countOffersAffordable(readDescriptorLimit(limitsOf(limit)))).toBe(offers);
  expect(countSendersAffordable(readDescriptorLimit(limitsOf(limit)))).toBe(senders);
});

it('where the system does not tell, there is no limit', () => {
  expect(countSendersAffordable(readDescriptorLimit(() => ''))).toBe(Infinity);
});
