import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, relative } from 'node:path';
import { expect, test } from 'vitest';
import { judge, type Violation } from './rules.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const IMPORT =
  /(?:^|\n)\s*(?:import|export)\b[^'"`;]*?\bfrom\s*['"]([^'"]+)['"]|\bimport\(\s*['"]([^'"]+)['"]\s*\)|(?:^|\n)\s*import\s+['"]([^'"]+)['"]/g;

function sources(folder: string): string[] {
  return readdirSync(join(ROOT, folder), { recursive: true, encoding: 'utf8' })
    .filter((name) => name.endsWith('.ts') && !name.includes('node_modules'))
    .map((name) => join(folder, name));
}

function importsOf(text: string): string[] {
  return [...text.matchAll(IMPORT)].map((match) => (match[1] ?? match[2] ?? match[3])!);
}

function violationsOf(file: string): Violation[] {
  return importsOf(readFileSync(join(ROOT, file), 'utf8')).flatMap((specifier) => {
    const isPackage = !specifier.startsWith('.');
    const imported = isPackage ? specifier : normalize(join(dirname(file), specifier));
    const violation = judge(file, imported, isPackage);
    return violation === undefined ? [] : [violation];
  });
}

function printed({ file, imported, reason }: Violation): string {
  return `${file} imports ${imported}\n  not allowed, because ${reason}`;
}

test('nobody imports whom they must not', () => {
  const files = [...sources('src'), ...sources('lab')];
  expect(files.length).toBeGreaterThan(30);
  expect(files.flatMap(violationsOf).map(printed).join('\n')).toBe('');
});

test('the rules see what they are meant to forbid', () => {
  const cases = [
    ["import { readFile } from 'node:fs';", 'src/core/ospf/x.ts', 'the core is pure'],
    ["import type { A } from '../hash/maglev.ts';", 'src/core/ospf/x.ts', 'sideways'],
    ["const a = await import('../agent/main.ts');", 'src/cli/x.ts', 'only through its API'],
    ["import { A } from '../../src/agent/model.ts';", 'lab/demo/x.ts', 'black box'],
    ["import { FakeRoutes } from '../drivers/routes/fake.ts';", 'src/agent/x.ts', 'composition root'],
  ] as const;
  for (const [text, file, words] of cases) {
    const [specifier] = importsOf(text);
    const isPackage = !specifier!.startsWith('.');
    const imported = isPackage ? specifier! : normalize(join(dirname(file), specifier!));
    expect(judge(file, imported, isPackage)?.reason).toContain(words);
  }
});

test('every relative import stays inside the repository and names its extension', () => {
  const bad = [...sources('src'), ...sources('lab')].flatMap((file) =>
    importsOf(readFileSync(join(ROOT, file), 'utf8'))
      .filter((specifier) => specifier.startsWith('.'))
      .filter(
        (specifier) =>
          !/\.(ts|js|mjs|json)$/.test(specifier) ||
          relative(ROOT, join(ROOT, dirname(file), specifier)).startsWith('..'),
      )
      .map((specifier) => `${file}: ${specifier}`),
  );
  expect(bad).toEqual([]);
});
