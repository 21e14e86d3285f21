import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { OLDEST_NODE, VERSION } from '../../src/core/version.js';

interface Package {
  readonly version: string;
  readonly engines: { readonly node: string };
}

const { version, engines } = JSON.parse(
  readFileSync(new URL('../../package.json', import.meta.url), 'utf8'),
) as Package;

it('is the one in package.json', () => {
  expect(VERSION).toBe(version);
});

it('runs on the versions of Node that package.json allows', () => {
  expect(engines.node).toBe(`>=${OLDEST_NODE}`);
});
