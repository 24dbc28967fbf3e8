/** Figures as people read them. */

/** Milliseconds as seconds: `0.21 s`, `20.0 s`. */
export function seconds(milliseconds: number): string {
  const value = milliseconds / 1000;
  return `${value.toFixed(value < 10 ? 2 : 1)} s`;
}

/** `part` of `whole` as `33.2 %`; a dash where there is no whole. */
export function percent(part: number, whole: number): string {
  return whole === 0 ? '–' : `${((100 * part) / whole).toFixed(1)} %`;
}

/** `1 flow`, `2 flows`. */
export function count(number: number, singular: string, plural = `${singular}s`): string {
  return `${number} ${number === 1 ? singular : plural}`;
}

/** Milliseconds since the start as `1:07`. */
export function clock(milliseconds: number): string {
  const total = Math.floor(milliseconds / 1000);
  return `${Math.floor(total / 60)}:${String(total % 60).padStart(2, '0')}`;
}

/** `{ stalled: 13, reset: 1 }` as `13 stalled, 1 reset`; `none` when empty. */
export function tally(counts: Readonly<Record<string, number | undefined>>): string {
  const parts = Object.entries(counts).filter(([, value]) => (value ?? 0) > 0);
  return parts.length === 0 ? 'none' : parts.map(([name, value]) => `${value} ${name}`).join(', ');
}

/** The sum of all counts. */
export function total(counts: Readonly<Record<string, number | undefined>>): number {
  return Object.values(counts).reduce<number>((sum, value) => sum + (value ?? 0), 0);
}
