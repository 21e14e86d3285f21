/** Markdown tables, and numbers as they stand in them. Pure. */

/** What stands where nothing was measured. */
export const NOTHING = '–';

export type Row = readonly string[];

/** The first column is text, the others are numbers. */
export function renderTable(header: Row, rows: readonly Row[]): string {
  const widths = header.map((_, column) => Math.max(3, ...[header, ...rows].map((row) => (row[column] ?? '').length)));
  const rule = widths.map((width, column) => (column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`));
  const align = (row: Row) =>
    widths.map((width, column) =>
      column === 0 ? (row[column] ?? '').padEnd(width) : (row[column] ?? '').padStart(width),
    );
  return [align(header), rule, ...rows.map(align)].map((cells) => `| ${cells.join(' | ')} |\n`).join('');
}

/** Three digits or more, without an exponent; whole numbers as they are. */
export function formatNumber(value: number | undefined): string {
  if (value === undefined || !Number.isFinite(value)) return NOTHING;
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return Math.round(value).toLocaleString('en-US');
  return value.toFixed(size >= 10 ? 1 : size >= 1 ? 2 : 3);
}

export function formatSpread(values: readonly number[]): string {
  if (values.length === 0) return NOTHING;
  return `${formatNumber(Math.min(...values))}–${formatNumber(Math.max(...values))}`;
}

/** Bytes as MB (1,000,000), rounded. */
export function formatMegabytes(bytes: number | undefined): string {
  return bytes === undefined || !Number.isFinite(bytes) ? NOTHING : Math.round(bytes / 1e6).toLocaleString('en-US');
}

/** A size as it was chosen: `4 KiB`, `1 GiB`. */
export function formatBytes(bytes: number): string {
  const units = ['bytes', 'KiB', 'MiB', 'GiB'];
  const step = units.findLastIndex((_, i) => bytes % 1024 ** i === 0);
  return `${bytes / 1024 ** step} ${units[step] ?? ''}`;
}
