import { expect, it } from 'vitest';
import { renderResults, name, rate, seconds, spread, timesFtx, cpuPerGb, peaks } from './columns.js';
import type { Result, Sample } from './rounds.js';
import { formatBytes, formatNumber, formatSpread, renderTable } from './table.js';

it('a table has the text to the left and the numbers to the right', () => {
  expect(
    renderTable(
      ['tool', 's'],
      [
        ['ftx', '1.20'],
        ['a long name', '30.0'],
      ],
    ),
  ).toBe(
    ['| tool        |    s |', '| ----------- | ---: |', '| ftx         | 1.20 |', '| a long name | 30.0 |', ''].join(
      '\n',
    ),
  );
});

it.each([
  [0.0123, '0.012'],
  [1.234, '1.23'],
  [12.34, '12.3'],
  [1234.5, '1,235'],
  [1000, '1,000'],
  [NaN, '–'],
  [undefined, '–'],
])('%s is shown as %s', (value, text) => {
  expect(formatNumber(value)).toBe(text);
});

it('a spread is the least and the most', () => {
  expect(formatSpread([1.5, 0.5, 1.25])).toBe('0.500–1.50');
  expect(formatSpread([])).toBe('–');
});

it.each([
  [1024, '1 KiB'],
  [16 * 1024 ** 2, '16 MiB'],
  [20 * 1024 ** 3, '20 GiB'],
  [1000, '1000 bytes'],
])('%d bytes are %s', (bytes, text) => {
  expect(formatBytes(bytes)).toBe(text);
});

function resultOf(toolName: string, samples: readonly Sample[]): Result {
  const done = () => Promise.resolve();
  const contender = { name: toolName, measure: () => Promise.reject(new Error('not run')), tidy: done, close: done };
  return { contender, samples, failure: undefined };
}

it('results come as medians beside those of ftx', () => {
  const results = [
    resultOf('ftx', [
      { seconds: 1, sender: { cpuSeconds: 0.3, peakBytes: 60e6 }, receiver: { cpuSeconds: 0.7, peakBytes: 90e6 } },
      { seconds: 3, sender: { cpuSeconds: 0.5, peakBytes: 70e6 }, receiver: { cpuSeconds: 0.9, peakBytes: 80e6 } },
    ]),
    resultOf('slow', [{ seconds: 8 }]),
    resultOf('failed', []),
  ];
  const columns = [name('tool'), seconds, spread, rate(2e9), timesFtx(results), cpuPerGb(2e9), ...peaks];
  const rows = renderResults(columns, results).split('\n').slice(2, -1);
  const cells = rows.map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
  expect(cells).toEqual([
    ['ftx', '2', '1–3', '1,000', '1', '0.600', '70', '90'],
    ['slow', '8', '8–8', '250', '4', '–', '–', '–'],
    ['failed', '–', '–', '–', '–', '–', '–', '–'],
  ]);
});
