/** How deep YAML text nests, found without recursion. */
import { type CST, LineCounter, Parser } from 'yaml';

/**
 * Where more than `limit` collections lie within each other; undefined when nowhere. Any text is walked, valid or not.
 *
 * To be asked before the text is composed into values, which recurses: on nesting without end a stack overflow is the kinder
 * outcome, while a regular expression that is compiled at the end of the stack has V8 abort the whole process.
 */
export function deeperThan(text: string, limit: number): { readonly line: number; readonly col: number } | undefined {
  const lines = new LineCounter();
  let level: CST.Token[] = [...new Parser(lines.addNewLine).parse(text)];
  for (let depth = 0; level.length > 0; depth++) {
    if (depth > limit) return lines.linePos(level[0]!.offset);
    level = level.flatMap(collectionsIn);
  }
  return undefined;
}

/** Those directly in a document or a collection. */
function collectionsIn(token: CST.Token): CST.Token[] {
  const parts = 'items' in token ? token.items.flatMap(({ key, value }) => [key, value]) : [contentOf(token)];
  return parts.filter((part): part is CST.Token => part !== undefined && part !== null && 'items' in part);
}

function contentOf(token: CST.Token): CST.Token | undefined {
  return token.type === 'document' ? token.value : undefined;
}
