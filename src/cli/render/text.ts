/** Small pieces of text that every view uses: aligned columns, durations, counts. */

/** Columns as wide as their widest cell, two spaces apart; columns named in `right` are set flush right. */
export function table(header: readonly string[], rows: readonly (readonly string[])[], right: readonly string[] = []) {
  const lines = [header, ...rows];
  const widths = header.map((_, column) => Math.max(...lines.map((line) => (line[column] ?? '').length)));
  const flush = header.map((name) => right.includes(name));
  const cell = (text: string, column: number) =>
    flush[column] ? text.padStart(widths[column] ?? 0) : text.padEnd(widths[column] ?? 0);
  return lines.map((line) => line.map(cell).join('  ').trimEnd()).join('\n');
}

/** Milliseconds as `850 ms`, `12.3 s`, `4m05s`, `3h07m`, `2d04h`. */
export function duration(ms: number): string {
  if (ms < 1000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
  const seconds = Math.floor(ms / 1000);
  const two = (value: number) => String(value).padStart(2, '0');
  if (seconds < 3600) return `${Math.floor(seconds / 60)}m${two(seconds % 60)}s`;
  const minutes = Math.floor(seconds / 60);
  if (minutes < 1440) return `${Math.floor(minutes / 60)}h${two(minutes % 60)}m`;
  const hours = Math.floor(minutes / 60);
  return `${Math.floor(hours / 24)}d${two(hours % 24)}h`;
}

const STEPS = ['', 'k', 'M', 'G', 'T'];

/** A count in at most five characters: `999`, `12.3k`, `4.0M`. */
export function count(value: number): string {
  return scaled(value, 1000, STEPS);
}

/** Bytes by powers of 1,024: `512 B`, `1.5 KiB`. */
export function bytes(value: number): string {
  return scaled(value, 1024, [' B', ' KiB', ' MiB', ' GiB', ' TiB']);
}

function scaled(value: number, base: number, units: readonly string[]): string {
  let [rest, step] = [value, 0];
  while (rest >= base && step < units.length - 1) {
    rest /= base;
    step += 1;
  }
  return `${step === 0 ? rest : rest.toFixed(1)}${units[step]}`;
}

/** `3 servers`, `1 server`. */
export function plural(value: number, noun: string): string {
  return `${value} ${noun}${value === 1 ? '' : 's'}`;
}
