import { expect, it } from 'vitest';
import { boundOutput } from '../../../src/cli/screen/output.js';

const MIB = 1024 * 1024;

/** A stream whose reader takes nothing until told to. */
function slowStream(isTTY = false) {
  const written: string[] = [];
  const stream = {
    isTTY,
    writableLength: 0,
    write(text: string) {
      written.push(text);
      stream.writableLength += text.length;
      return true;
    },
  };
  return { stream, written, drain: () => (stream.writableLength = 0) };
}

const describeGap = (lines: number) => `${lines} missing`;

it('leaves lines out when too many wait for a slow reader, and then says how many', () => {
  const { stream, written, drain } = slowStream();
  const output = boundOutput(stream, describeGap);
  const line = `${'x'.repeat(MIB - 1)}\n`;
  for (let n = 0; n < 100; n++) output.write(line);
  expect(written).toHaveLength(9);
  drain();
  output.write('next\n');
  output.write('and next\n');
  expect(written.slice(9)).toEqual(['91 missing\n', 'next\n', 'and next\n']);
});

it('writes every line for a reader that keeps up', () => {
  const { stream, written, drain } = slowStream();
  const output = boundOutput(stream, describeGap);
  for (let n = 0; n < 100; n++) {
    output.write('x'.repeat(MIB));
    drain();
  }
  expect(written).toHaveLength(100);
});

it('leaves a terminal as it is', () => {
  const { stream } = slowStream(true);
  expect(boundOutput(stream, describeGap)).toBe(stream);
});
