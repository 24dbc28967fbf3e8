/** Terminal colours, or none: each style is a function from text to text. */
export interface Style {
  readonly bold: (text: string) => string;
  readonly dim: (text: string) => string;
  readonly red: (text: string) => string;
  readonly green: (text: string) => string;
  readonly yellow: (text: string) => string;
  readonly blue: (text: string) => string;
  readonly magenta: (text: string) => string;
  readonly cyan: (text: string) => string;
}

const same = (text: string): string => text;
const sgr =
  (on: number, off: number) =>
  (text: string): string =>
    `\u001b[${on}m${text}\u001b[${off}m`;

export const PLAIN: Style = {
  bold: same,
  dim: same,
  red: same,
  green: same,
  yellow: same,
  blue: same,
  magenta: same,
  cyan: same,
};

export const COLOURED: Style = {
  bold: sgr(1, 22),
  dim: sgr(2, 22),
  red: sgr(31, 39),
  green: sgr(32, 39),
  yellow: sgr(33, 39),
  blue: sgr(34, 39),
  magenta: sgr(35, 39),
  cyan: sgr(36, 39),
};

/** Colours for a stream: only on a terminal, and never where the user set NO_COLOR (https://no-color.org). */
export function styleFor(stream: { readonly isTTY?: boolean }, environment: NodeJS.ProcessEnv): Style {
  return stream.isTTY === true && (environment['NO_COLOR'] ?? '') === '' ? COLOURED : PLAIN;
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: escape sequences are what this looks for
const ESCAPES = /(\u001b\[[0-9;]*m)/g;

/** Columns that a text takes on the terminal: escape sequences take none. */
export function width(text: string): number {
  return [...text.replace(ESCAPES, '')].length;
}

export function padEnd(text: string, columns: number): string {
  return text + ' '.repeat(Math.max(0, columns - width(text)));
}

export function padStart(text: string, columns: number): string {
  return ' '.repeat(Math.max(0, columns - width(text))) + text;
}

/** Cuts a text to that many columns, escape sequences kept whole; a cut text ends in `…` and with all styles off. */
export function cut(text: string, columns: number): string {
  if (width(text) <= columns) return text;
  let left = Math.max(0, columns - 1);
  let out = '';
  for (const piece of text.split(ESCAPES)) {
    if (piece.startsWith('\u001b[')) {
      out += piece;
      continue;
    }
    const kept = [...piece].slice(0, left);
    out += kept.join('');
    left -= kept.length;
    if (left === 0) break;
  }
  return `${out}…${text.includes('\u001b[') ? '\u001b[0m' : ''}`;
}
