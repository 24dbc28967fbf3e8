/** What real FRRs have said: test/vectors/frr/README.md has the set-up. */
import { readFileSync } from 'node:fs';
import { type Json, splitJson } from '../../../src/core/frr/json.ts';

export const VERSIONS = ['8.4', '10.3'] as const;
export type Version = (typeof VERSIONS)[number];

export function vectorText(version: Version, file: string): string {
  return readFileSync(new URL(`../../vectors/frr/${version}/${file}`, import.meta.url), 'utf8');
}

/** The one document of `NAME.txt`. */
export function vector(version: Version, name: string): Json {
  return splitJson(vectorText(version, `${name}.txt`))[0]!;
}
