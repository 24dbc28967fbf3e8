/** Durations as the operator writes them, the same units as in the cluster file: `250ms`, `30s`, `5m`, `1h`. */
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };

/** Milliseconds; undefined when the text is not a duration with a unit. */
export function parseDuration(text: string): number | undefined {
  const match = /^(\d+(?:\.\d+)?)(ms|s|m|h)$/.exec(text);
  const [value, unit] = [match?.[1], match?.[2]];
  if (value === undefined || unit === undefined) return undefined;
  return Math.round(Number(value) * (UNITS[unit] ?? 1));
}
