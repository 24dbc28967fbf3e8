import { dirname, join, relative } from 'node:path';
import { expect, test } from 'vitest';
import { judge, type Violation } from './rules.ts';
import { importsOf, importsOfFile, ROOT, resolved, sources } from './sources.ts';

function violationsOf(file: string): Violation[] {
  return importsOfFile(file).flatMap((one) => {
    const isPackage = !one.specifier.startsWith('.');
    const imported = isPackage ? one.specifier : resolved(file, one);
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
    const one = importsOf(text)[0]!;
    const isPackage = !one.specifier.startsWith('.');
    const imported = isPackage ? one.specifier : resolved(file, one);
    expect(judge(file, imported, isPackage)?.reason).toContain(words);
  }
});

test('every relative import stays inside the repository and names its extension', () => {
  const bad = [...sources('src'), ...sources('lab')].flatMap((file) =>
    importsOfFile(file)
      .map(({ specifier }) => specifier)
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
