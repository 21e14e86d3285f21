/** What can stand in the tables about results. */
import type { Result, Sample } from './rounds.js';
import { median, present } from './stats.js';
import { formatMegabytes, formatNumber, formatSpread, NOTHING, renderTable } from './table.js';

export interface Column {
  readonly title: string;
  readonly cell: (result: Result) => string;
}

export function renderResults(columns: readonly Column[], results: readonly Result[]): string {
  const rows = results.map((result) => columns.map(({ cell }) => cell(result)));
  return renderTable(
    columns.map(({ title }) => title),
    rows,
  );
}

export function medianSeconds({ samples }: Result): number {
  return median(samples.map(({ seconds }) => seconds));
}

/** CPU seconds of both ends; undefined unless both are known. */
export function cpuSecondsOf({ sender, receiver }: Sample): number | undefined {
  return sender && receiver && sender.cpuSeconds + receiver.cpuSeconds;
}

/** The same of all samples that have it. */
export function medianCpuSeconds({ samples }: Result): number | undefined {
  const sums = present(samples.map(cpuSecondsOf));
  return sums.length === 0 ? undefined : median(sums);
}

/** The largest of all samples. */
export function peakBytes({ samples }: Result, end: 'sender' | 'receiver'): number | undefined {
  const peaks = present(samples.map((sample) => sample[end]?.peakBytes));
  return peaks.length === 0 ? undefined : Math.max(...peaks);
}

export const name = (title: string): Column => ({ title, cell: ({ contender }) => contender.name });

export const durable: Column = { title: 'durable', cell: ({ contender }) => contender.durable ?? NOTHING };

export const seconds: Column = { title: 'median s', cell: (result) => formatNumber(medianSeconds(result)) };

export const spread: Column = {
  title: 'min–max s',
  cell: ({ samples }) => formatSpread(samples.map((sample) => sample.seconds)),
};

export const rate = (bytes: number): Column => ({
  title: 'MB/s',
  cell: (result) => formatMegabytes(bytes / medianSeconds(result)),
});

/** How many times the time of ftx it takes. */
export const timesFtx = (results: readonly Result[]): Column => {
  const ftx = results.find(({ contender }) => contender.name === 'ftx');
  return { title: '× ftx', cell: (result) => formatNumber(ftx && medianSeconds(result) / medianSeconds(ftx)) };
};

export const cpu: Column = { title: 'CPU s', cell: (result) => formatNumber(medianCpuSeconds(result)) };

export const cpuPerGb = (bytes: number): Column => ({
  title: 'CPU s/GB',
  cell: (result) => formatNumber((medianCpuSeconds(result) ?? NaN) / (bytes / 1e9)),
});

export const peaks: readonly Column[] = [
  { title: 'sender MB', cell: (result) => formatMegabytes(peakBytes(result, 'sender')) },
  { title: 'receiver MB', cell: (result) => formatMegabytes(peakBytes(result, 'receiver')) },
];

/** One figure of each sample, the median of them. */
export const medianOf = (title: string, pick: (sample: Sample) => number): Column => ({
  title,
  cell: ({ samples }) => formatNumber(median(samples.map(pick))),
});
