/** What the files of the project import, as their text says. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';

export const ROOT = join(import.meta.dirname, '..', '..');

export interface Import {
  /** As written: a path from the file, or a package. */
  readonly specifier: string;
  /** Nothing of it is left at run time. */
  readonly typesOnly: boolean;
}

const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b([^'"`;]*?)\bfrom\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)\s*import\s+['"]([^'"]+)['"]/g;

/** The TypeScript files in a folder, by their paths from the root. */
export function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .map((name) => join(folder, name));
}

export function importsOf(text: string): Import[] {
  return [...text.matchAll(IMPORT)].map(([, clause, from, called, bare]) => ({
    specifier: (from ?? called ?? bare)!,
    typesOnly: clause !== undefined && isOfTypes(clause),
  }));
}

export function importsOfFile(file: string): Import[] {
  return importsOf(readFileSync(join(ROOT, file), 'utf8'));
}

/** The path from the root of what a file imports by a relative path. */
export function resolved(file: string, { specifier }: Import): string {
  return normalize(join(dirname(file), specifier));
}

function isOfTypes(clause: string): boolean {
  if (/^\s*type\b/.test(clause)) return true;
  const names = /^\s*\{([^}]*)\}\s*$/
    .exec(clause)?.[1]
    ?.split(',')
    .filter((name) => name.trim() !== '');
  return names !== undefined && names.length > 0 && names.every((name) => /^\s*type\s/.test(name));
}
