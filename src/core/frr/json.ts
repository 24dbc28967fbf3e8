/**
 * Values out of FRR's JSON, without trust: what is missing or of another type is undefined or a default, never an error.
 * And several documents, one after the other, out of one answer of vtysh.
 */
export type Json = Readonly<Record<string, unknown>>;

export function isJson(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export function textAt(value: Json, name: string): string | undefined {
  const found = value[name];
  return typeof found === 'string' ? found : undefined;
}

export function numberAt(value: Json, name: string): number {
  const found = value[name];
  return typeof found === 'number' ? found : 0;
}

export function jsonAt(value: Json, name: string): Json {
  const found = value[name];
  return isJson(found) ? found : {};
}

export function listAt(value: Json, name: string): readonly Json[] {
  const found = value[name];
  return Array.isArray(found) ? found.filter(isJson) : [];
}

/**
 * The JSON objects of an answer, in order; texts between them are skipped.
 * @throws SyntaxError when one is cut off or is not JSON
 */
export function splitJson(answer: string): Json[] {
  const documents: Json[] = [];
  let at = answer.indexOf('{');
  while (at >= 0) {
    const end = endOf(answer, at);
    documents.push(JSON.parse(answer.slice(at, end)) as Json);
    at = answer.indexOf('{', end);
  }
  return documents;
}

/** Where the object that begins at `start` ends. */
function endOf(text: string, start: number): number {
  let depth = 0;
  TOKEN.lastIndex = start;
  for (let token = TOKEN.exec(text); token !== null; token = TOKEN.exec(text)) {
    if (token[0] === '{') depth += 1;
    else if (token[0] === '}') depth -= 1;
    if (depth === 0) return TOKEN.lastIndex;
  }
  return text.length;
}

/** A brace, or a whole string, in which braces mean nothing. */
const TOKEN = /[{}]|"(?:[^"\\]|\\.)*"/g;
