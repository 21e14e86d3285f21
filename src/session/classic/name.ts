/** The name of a file that a classic sender brings: `classic-2026-01-31-235959`, in local time. */
export function nameClassicFile(now: Date): string {
  const two = (part: number) => String(part).padStart(2, '0');
  const day = [now.getFullYear(), two(now.getMonth() + 1), two(now.getDate())].join('-');
  return `classic-${day}-${two(now.getHours())}${two(now.getMinutes())}${two(now.getSeconds())}`;
}
