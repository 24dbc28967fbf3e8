/** How many letters to insert, remove, replace or swap with their neighbor (optimal string alignment). */
function distance(a: string, b: string): number {
  const rows: number[][] = [Array.from({ length: b.length + 1 }, (_, j) => j)];
  for (let i = 1; i <= a.length; i++) {
    const [row, above] = [[i], rows[i - 1]!];
    for (let j = 1; j <= b.length; j++) {
      const replace = above[j - 1]! + (a[i - 1] === b[j - 1] ? 0 : 1);
      const swapped = i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1];
      const swap = swapped ? rows[i - 2]![j - 2]! + 1 : replace;
      row.push(Math.min(replace, swap, above[j]! + 1, row[j - 1]! + 1));
    }
    rows.push(row);
  }
  return rows[a.length]![b.length]!;
}

/** The option that was probably meant, or `undefined` when none is near enough for a slip of the finger. Case does not count. */
export function nearest(written: string, options: Iterable<string>): string | undefined {
  // Nothing that long is a slip; and the work below grows with the square of the length.
  if (written.length > 64) return undefined;
  let best: string | undefined;
  let least = Math.floor(Math.max(written.length, 3) / 3) + 1;
  for (const option of options) {
    const far = distance(written.toLowerCase(), option.toLowerCase());
    if (far < least) [best, least] = [option, far];
  }
  return best;
}

/** `did you mean "x"?`, or `undefined`. */
export function didYouMean(written: string, options: Iterable<string>): string | undefined {
  const option = nearest(written, options);
  return option === undefined ? undefined : `did you mean "${option}"?`;
}

/** `a, b or c`. */
export function anyOf(options: readonly string[]): string {
  return options.length < 2 ? options.join('') : `${options.slice(0, -1).join(', ')} or ${options.at(-1)}`;
}
