/** One thing that the operator wrote wrong, with its place. Lines and columns count from 1. */
export interface Fault {
  /** Where it is another file than the one that was read first. */
  readonly file?: string;
  readonly line: number;
  readonly column: number;
  /** Dotted path of the value, e.g. `services.web.servers.r1`; empty for the document itself. */
  readonly path: string;
  readonly message: string;
  /** What to write instead, when there is a good guess. */
  readonly hint?: string;
}

/** `file:line:column: path: message; hint`, the form every command prints. */
export function formatFault(file: string, fault: Fault): string {
  const where = `${fault.file ?? file}:${fault.line}:${fault.column}`;
  const what = fault.path === '' ? fault.message : `${fault.path}: ${fault.message}`;
  return fault.hint === undefined ? `${where}: ${what}` : `${where}: ${what}; ${fault.hint}`;
}
