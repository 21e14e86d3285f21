/** Sizes as people read them, in the units of --max-size and --quota: powers of 1024. */
const UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB'] as const;

/** Divides by 1024 until less than `roundsUpFrom` is left. Returns that and its unit. */
export function scaleBytes(bytes: number, roundsUpFrom: number): [number, string] {
  let [scaled, power] = [bytes, 0];
  while (scaled >= roundsUpFrom && power < UNITS.length - 1) {
    scaled /= 1024;
    power += 1;
  }
  return [scaled, UNITS[power] ?? 'PiB'];
}

/** `17 B`, `1.5 KiB`, `10 GiB`: at most one decimal, rounded to the nearest. */
export function formatBytes(bytes: number): string {
  if (bytes < 1024) return `${Math.round(bytes)} B`;
  const [value, unit] = scaleBytes(bytes, 1023.95);
  return `${Number(value.toFixed(1))} ${unit}`;
}
