import { expect, it } from 'vitest';
import { createJsonEvents } from '../../../src/cli/screen/json-events.js';
import { FtxError } from '../../../src/core/errors.js';
import { connected, done, failed, progress, summary } from '../events.js';
import { fakeIo } from '../fake-io.js';

function setUp() {
  const io = fakeIo();
  const json = createJsonEvents((text) => io.stdout.write(text), io.now);
  const events = (): Record<string, unknown>[] =>
    io.stdout.lines().map((line) => JSON.parse(line) as Record<string, unknown>);
  return { io, json, events };
}

it('every event is a line of its own', () => {
  const { json, events } = setUp();
  json.onEvent(connected());
  json.onEvent(done());
  expect(events()).toEqual([
    { v: 1, type: 'connected', session: 1, peer: '192.0.2.7:51234', protocol: 'ftx/1' },
    { v: 1, type: 'done', session: 1, ...summary() },
  ]);
});

it('progress is written at most ten times a second for each session', () => {
  const { io, json, events } = setUp();
  for (io.time = 0; io.time < 1000; io.time += 1) {
    for (const session of [1, 2]) json.onEvent(progress('a', io.time, { session }));
  }
  const first = events().filter(({ session }) => session === 1);
  expect(first.map(({ bytes }) => bytes)).toEqual([0, 100, 200, 300, 400, 500, 600, 700, 800, 900]);
  expect(events()).toHaveLength(20);
});

it('the failure of a whole session is written once, and done is the last line', () => {
  const { json, events } = setUp();
  json.onEvent(connected(3));
  json.fail(new FtxError('lost', 'Gone.'));
  json.finish(summary());
  expect(events().slice(1)).toEqual([
    { v: 1, type: 'failed', path: null, code: 'lost', message: 'Gone.', session: 3 },
    { v: 1, type: 'done', ...summary(), session: 3 },
  ]);
});

it('failed and done are not written again when the library has told them', () => {
  const { json, events } = setUp();
  json.onEvent(failed(null, 'lost', 'Gone.'));
  json.onEvent(done());
  json.fail(new FtxError('lost', 'Gone.'));
  json.finish(summary());
  expect(events().map(({ type }) => type)).toEqual(['failed', 'done']);
});
