/**
 * Splits a command line into words as a POSIX shell would (quotes and backslashes; no expansion): containerlab's `exec`
 * entries are such lines. Throws an Error for an unclosed quote.
 */
export function shellWords(line: string): string[] {
  const words: string[] = [];
  const token = /\s+|'([^']*)'|"((?:\\[\s\S]|[^"\\])*)"|\\([\s\S])|([^\s'"\\]+)/gy;
  let word: string | undefined;
  while (token.lastIndex < line.length) {
    const match = token.exec(line);
    if (match === null) throw new Error(`unclosed quote in: ${line}`);
    const [, single, double, escaped, plain] = match;
    const piece = single ?? double?.replaceAll(/\\(["\\$`])/g, '$1') ?? escaped ?? plain;
    if (piece !== undefined) {
      word = (word ?? '') + piece;
    } else if (word !== undefined) {
      words.push(word);
      word = undefined;
    }
  }
  if (word !== undefined) words.push(word);
  return words;
}
